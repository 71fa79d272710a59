#ifndef ASYNCPAL_BENCHMARKS_PROCESS_CONTESTANT_H_
#define ASYNCPAL_BENCHMARKS_PROCESS_CONTESTANT_H_

#include <charconv>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace asyncpal::benchmarks {

// One side of the comparison of process pools. Its processes live as long as it
// does, and use no CPU while another is measured.
//
// Threads: one. Errors: std::runtime_error.
class Contestant {
 public:
  virtual ~Contestant() = default;

  // Does what `measure` is, `count` times; see kCases in process_pool.cc.
  // Returns seconds: of each time, or of all together divided by `count`; of an
  // echo, for each MiB. Empty: it can do no such thing.
  virtual std::vector<double> Measure(const std::string& measure,
                                      int count) = 0;
};

// The bytes of "echo_1024" and the like; 0: `measure` is no echo.
inline size_t EchoBytes(std::string_view measure) {
  constexpr std::string_view kEcho = "echo_";
  size_t bytes = 0;
  if (measure.starts_with(kEcho)) {
    std::from_chars(measure.data() + kEcho.size(),
                    measure.data() + measure.size(), bytes);
  }
  return bytes;
}
// What the seconds of such an echo are divided by.
inline double MebibytesOf(size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

std::unique_ptr<Contestant> MakeAsyncpalProcesses();

// Processes of this same program that send back what comes over a socketpair.
// What no pool that uses sockets is faster than.
std::unique_ptr<Contestant> MakeSocketProcesses();
// For the main() of a program that was started with such arguments: is that
// process, or returns.
void BecomeSocketProcessIfAsked(int argc, char** argv);

// A pool of Python's standard library: "futures" or "multiprocessing".
std::unique_ptr<Contestant> MakePythonProcesses(const std::string& script,
                                                const std::string& pool);

}  // namespace asyncpal::benchmarks

#endif  // ASYNCPAL_BENCHMARKS_PROCESS_CONTESTANT_H_
