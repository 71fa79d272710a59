// Compiled, linked and run from outside of Asyncpal's own workspace: a lambda
// that runs in a worker process, and the error of one that dies.

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"

int main() {
  asyncpal::ProcessPool pool(1);
  const pid_t worker = pool.Run([] { return getpid(); });
  if (worker == getpid()) return 1;
  std::cout << "hello from another workspace, and process\n";
  try {
    pool.Run([] { std::_Exit(3); });
  } catch (const asyncpal::WorkerLostError& error) {
    std::cout << "exit code " << error.exit_code().value_or(0) << "\n";
    return 0;
  }
  return 1;
}
