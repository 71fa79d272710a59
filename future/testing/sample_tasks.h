#ifndef ASYNCPAL_FUTURE_TESTING_SAMPLE_TASKS_H_
#define ASYNCPAL_FUTURE_TESTING_SAMPLE_TASKS_H_

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/manual_executor.h"

// Tasks for tests of what waits for many.

namespace asyncpal::testing {

// What `call` throws, described; "nothing" if it returns.
template <typename Call>
std::string ThrownBy(Call&& call) {
  try {
    call();
  } catch (...) {
    return internal::DescribeException(std::current_exception());
  }
  return "nothing";
}

// Tasks that return 0, 1, 2, ...
inline std::vector<Future<int>> SubmitNumbers(ManualExecutor& executor,
                                              int count) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < count; ++i) {
    futures.push_back(executor.Submit([i] { return i; }));
  }
  return futures;
}

// A task that throws a std::out_of_range.
inline Future<int> SubmitFailure(ManualExecutor& executor,
                                 const char* message) {
  return executor.Submit(
      [message]() -> int { throw std::out_of_range(message); });
}

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_FUTURE_TESTING_SAMPLE_TASKS_H_
