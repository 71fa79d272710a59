#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_TOOLS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_TOOLS_H_

#include <chrono>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/testing/gate.h"

// Tasks and helpers of the contract. A task here can run in another process:
// it is a free function or a lambda without captures, gets plain values, and
// returns one.

namespace asyncpal::testing {

inline constexpr absl::Duration kLong = absl::Seconds(30);

inline int Add(int a, int b) { return a + b; }
inline int Square(int n) { return n * n; }
inline void DoNothing() {}
inline int ThrowOutOfRange() { throw std::out_of_range("no such thing"); }

// 2 and only 2 is a bad number.
inline int FailAtTwo(int n) {
  if (n == 2) throw std::out_of_range("two is too many");
  return n;
}

// Everything after 2 waits at the gate.
inline int FailAtTwoThenPassGate(std::string gate, int n) {
  return n > 2 ? PassGate(std::move(gate), n) : FailAtTwo(n);
}

// 0 and only 0 waits at the gate.
inline int PassGateAtZero(std::string gate, int n) {
  return n == 0 ? PassGate(std::move(gate), n) : n;
}

inline std::vector<int> Numbers(int n) {
  std::vector<int> numbers(n);
  for (int i = 0; i < n; ++i) numbers[i] = i;
  return numbers;
}

// The elements of an input range that is gone through once.
template <typename R>
auto ToVector(R&& range) {
  std::vector<typename std::remove_cvref_t<R>::value_type> values;
  for (auto& value : range) values.push_back(std::move(value));
  return values;
}

// "outer <- cause <- its cause", the messages of what `f` throws.
template <typename F>
std::string ThrownChain(F&& f) {
  const auto describe = [](const auto& self,
                           const std::exception& error) -> std::string {
    try {
      std::rethrow_if_nested(error);
    } catch (const std::exception& cause) {
      return std::string(error.what()) + " <- " + self(self, cause);
    } catch (...) {
      return std::string(error.what()) + " <- no std::exception";
    }
    return error.what();
  };
  try {
    std::forward<F>(f)();
  } catch (const std::exception& error) {
    return describe(describe, error);
  } catch (...) {
    return "no std::exception";
  }
  return "nothing was thrown";
}

// Fills `pool` with `workers` tasks that wait at `gate`. False: they did not
// get there.
template <typename Pool>
bool Occupy(Pool& pool, Gate& gate, int workers = 1) {
  for (int i = 0; i < workers; ++i) pool.Submit(PassGate, gate.path(), i);
  return gate.WaitForArrivals(workers);
}

// Opens a gate after all when a test is left, and joins a thread.
class JoiningThread {
 public:
  template <typename F>
  explicit JoiningThread(F&& f) : thread_(std::forward<F>(f)) {}
  ~JoiningThread() { Join(); }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_TOOLS_H_
