#ifndef ASYNCPAL_BENCHMARKS_STOPWATCH_H_
#define ASYNCPAL_BENCHMARKS_STOPWATCH_H_

#include <chrono>

namespace asyncpal::benchmarks {

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace asyncpal::benchmarks

#endif  // ASYNCPAL_BENCHMARKS_STOPWATCH_H_
