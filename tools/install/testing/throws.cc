#include <iostream>
#include <stdexcept>
#include <vector>

#include "asyncpal/future/version.h"
#include "asyncpal/pool/global_shutdown.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/thread_pool.h"

// More than a first program has: an exception that comes back with its type and
// the stack of its throw, a worker that dies, and a pool that stays open.
namespace {

int Fail() { return std::vector<int>().at(3); }

void Die() { _exit(7); }

asyncpal::ThreadPool threads(1);

}  // namespace

int main() {
  asyncpal::GlobalShutdown::Register([] { std::cout << "closed\n"; });
  asyncpal::ProcessPool pool(1);
  try {
    pool.Run(Fail);
  } catch (const std::out_of_range&) {
    const auto error = std::current_exception();
    std::cout << (asyncpal::GetRemoteTraceback(error).empty() ? "no stack, "
                                                              : "stack, ");
  }
  try {
    pool.Run(Die);
  } catch (const asyncpal::WorkerLostError& error) {
    std::cout << error.exit_code().value_or(0) << ", ";
  }
  std::cout << threads.Run([] { return 1; }) << ", " << asyncpal::Version()
            << "\n";
}
