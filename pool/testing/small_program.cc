#include <sys/auxv.h>

#include <cstdio>
#include <exception>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"

// What process_pool_program_test starts in several ways: a program of the
// library's users, with one process pool and one task. Each time that its
// main() runs it says so.

namespace asyncpal {
namespace {

int Double(int n) { return 2 * n; }

}  // namespace
}  // namespace asyncpal

int main() {
  using asyncpal::ProcessPool;
  std::printf("main(), secure %lu\n", getauxval(AT_SECURE));
  std::fflush(stdout);
  ProcessPool pool({.max_workers = 1, .name = "images"});
  try {
    std::printf("result %d\n",
                pool.Submit(asyncpal::Double, 21).Collect(absl::Seconds(30)));
  } catch (...) {
    std::printf("%s\n",
                asyncpal::internal::DescribeException(std::current_exception())
                    .c_str());
  }
}
