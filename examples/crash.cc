// Tasks that take their process down, and one that would never end: each costs
// its own future and no other, and the pool carries on.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/process_pool.h"

namespace {

using asyncpal::Future;
using asyncpal::ProcessPool;

int Square(int n) { return n * n; }

void WriteToNowhere() {
  int* volatile nowhere = nullptr;
  *nowhere = 42;
}

void RunForever() {
  volatile bool done = false;
  while (!done) {
  }
}

// Aborts the first time: only then is the folder there.
std::string AbortOnce(const std::string& folder) {
  if (std::filesystem::remove(folder)) std::abort();
  return "done";
}

// What became of a task.
template <typename T>
void Report(const std::string& task, Future<T> future) {
  std::cout << task << ": ";
  try {
    future.Collect();
    std::cout << "done\n";
  } catch (const asyncpal::WorkerLostError& error) {
    // what() has it all in one sentence, and the pid.
    std::cout << "its worker was lost while " << error.phase();
    if (error.signal() == SIGSEGV) std::cout << ", by SIGSEGV";
    if (error.exit_code()) std::cout << ", exit code " << *error.exit_code();
    std::cout << "\n";
  } catch (const asyncpal::TimeoutError&) {
    std::cout << "its worker was ended after the timeout\n";
  } catch (const asyncpal::CancelledError&) {
    std::cout << "its worker was killed\n";
  }
}

}  // namespace

int main() {
  ProcessPool pool(2);

  std::vector<Future<int>> squares;
  for (int n = 1; n <= 3; ++n) squares.push_back(pool.Submit(Square, n));
  Future<void> crash = pool.Submit(WriteToNowhere);
  for (int n = 4; n <= 6; ++n) squares.push_back(pool.Submit(Square, n));

  Report("a null pointer", crash);
  int sum = 0;
  for (Future<int>& square : squares) sum += square.Collect();
  std::cout << "the six tasks around it: their sum is " << sum << "\n";

  Report("exit(3)", pool.Submit([] { std::exit(3); }));

  Report("an endless loop with a limit",
         pool.Submit({.timeout = absl::Milliseconds(200)}, RunForever));

  Future<void> loop = pool.Submit(RunForever);
  loop.Kill();
  Report("an endless loop that somebody kills", loop);

  std::string folder = std::filesystem::temp_directory_path() / "crash.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  Report("abort(), with a second attempt",
         pool.Submit({.max_attempts = 2}, AbortOnce, folder));

  const asyncpal::PoolStats stats = pool.Stats();
  std::cout << "and the pool: " << pool.Run(Square, 7) << ", having lost "
            << stats.lost << " of " << stats.submitted << " tasks\n";
}
