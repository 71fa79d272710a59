#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncpal/benchmarks/process_contestant.h"
#include "asyncpal/benchmarks/stopwatch.h"
#include "asyncpal/pool/process_pool.h"

namespace asyncpal::benchmarks {
namespace {

void Nothing() {}

int64_t Same(int64_t x) { return x; }

std::string Echo(std::string data) { return data; }

[[noreturn]] void WorkForEver() {
  for (volatile uint64_t i = 0;;) i = i + 1;
}

class AsyncpalProcesses final : public Contestant {
 public:
  std::vector<double> Measure(const std::string& measure, int count) override {
    if (measure == "idle_call" || measure == "call") {
      return Calls(count, measure == "idle_call",
                   [this] { one_.Run(Nothing); });
    }
    if (measure == "idle_submit" || measure == "submit") {
      return Calls(count, measure == "idle_submit",
                   [this] { one_.Submit(Nothing).Collect(); });
    }
    if (measure == "pipelined") return {Pipelined(count)};
    if (measure == "map") return {Map(count)};
    if (const size_t bytes = EchoBytes(measure)) return Echoes(bytes, count);
    if (measure == "spawn") return Spawns(count);
    if (measure == "notice" || measure == "recover") {
      return Kills(count, measure == "recover");
    }
    return {};
  }

 private:
  template <typename F>
  std::vector<double> Calls(int count, bool idle, F call) {
    std::vector<double> seconds;
    for (int i = 0; i < 5; ++i) call();
    for (int i = 0; i < count; ++i) {
      if (idle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const Stopwatch watch;
      call();
      seconds.push_back(watch.Seconds());
    }
    return seconds;
  }

  double Pipelined(int count) {
    StartBoth();
    std::vector<Future<void>> futures;
    futures.reserve(static_cast<size_t>(count));
    const Stopwatch watch;
    for (int i = 0; i < count; ++i) futures.push_back(two_.Submit(Nothing));
    for (Future<void>& future : futures) std::move(future).Collect();
    return watch.Seconds() / count;
  }

  double Map(int count) {
    StartBoth();
    std::vector<int64_t> items(static_cast<size_t>(count));
    std::iota(items.begin(), items.end(), 0);
    const Stopwatch watch;
    const std::vector<int64_t> results =
        two_.MapAll({.chunk_size = 500}, Same, items);
    const double seconds = watch.Seconds();
    if (results != items) throw std::runtime_error("the map is wrong");
    return seconds / count;
  }

  std::vector<double> Echoes(size_t bytes, int count) {
    const std::string data(bytes, 'x');
    auto seconds = Calls(count, /*idle=*/false, [&] {
      if (one_.Run(Echo, data).size() != data.size()) {
        throw std::runtime_error("the echo is wrong");
      }
    });
    for (double& value : seconds) value /= MebibytesOf(bytes);
    return seconds;
  }

  static std::vector<double> Spawns(int count) {
    std::vector<double> seconds;
    for (int i = 0; i < count; ++i) {
      const Stopwatch watch;
      ProcessPool pool(1);
      pool.Run(Nothing);
      seconds.push_back(watch.Seconds());
    }
    return seconds;
  }

  static std::vector<double> Kills(int count, bool recover) {
    std::vector<double> seconds;
    ProcessPool pool(1);
    for (int i = 0; i < count; ++i) {
      const pid_t worker = pool.Run(getpid);
      Future<void> doomed = pool.Submit(WorkForEver);
      // Until it surely runs; nothing of ours tells when it has begun.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const Stopwatch watch;
      kill(worker, SIGKILL);
      if (!doomed.Wait(absl::Seconds(2))) {
        // It had not begun, and another worker has it.
        if (IsAlive(worker)) {
          throw std::runtime_error("the worker's death was not noticed");
        }
        doomed.Kill();
        continue;
      }
      if (recover) pool.Run(Nothing);
      seconds.push_back(watch.Seconds());
    }
    return seconds;
  }

  static bool IsAlive(pid_t pid) { return kill(pid, 0) == 0; }

  // Both workers are there, and neither has only just started.
  void StartBoth() {
    two_.SpawnMaxWorkers();
    std::vector<Future<void>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(two_.Submit(Nothing));
    for (Future<void>& future : futures) std::move(future).Collect();
  }

  ProcessPool one_{1};
  ProcessPool two_{2};
};

}  // namespace

std::unique_ptr<Contestant> MakeAsyncpalProcesses() {
  return std::make_unique<AsyncpalProcesses>();
}

}  // namespace asyncpal::benchmarks
