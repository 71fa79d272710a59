// A program whose tasks Java calls by name.

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncpal/ipc/call.h"
#include "asyncpal/pool/process_pool.h"

namespace {

int64_t Fib(int64_t n) {
  int64_t a = 0, b = 1;
  while (n-- > 0) {
    const int64_t next = a + b;
    a = b;
    b = next;
  }
  return a;
}
ASYNCPAL_REGISTER_TASK("test.fib", Fib);

std::string Join(const std::vector<std::string>& words,
                 const std::string& between) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += between;
    joined += word;
  }
  return joined;
}
ASYNCPAL_REGISTER_TASK("test.join", Join);

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}
ASYNCPAL_REGISTER_TASK("test.mean", Mean);

void Nothing() {}
ASYNCPAL_REGISTER_TASK("test.nothing", Nothing);

__attribute__((noinline)) void ThrowWithCause(const std::string& message) {
  try {
    throw std::out_of_range("inner");
  } catch (...) {
    std::throw_with_nested(std::invalid_argument(message));
  }
}
ASYNCPAL_REGISTER_TASK("test.throw", ThrowWithCause);

}  // namespace

int main() {
  asyncpal::ProcessPool links_the_workers_half(1);
  return 2;  // it is a worker, or nothing
}
