// Steps that follow each other, without a thread that waits in between: Then(),
// WhenAll(), WhenAny(), callbacks, and what an error does on its way.

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <numeric>
#include <stop_token>
#include <string>
#include <vector>

#include "asyncpal/future/future.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/thread_pool.h"

using asyncpal::Future;

namespace {

// Stands in for a slow read from a disk or a network.
std::string ReadSensor(const std::string& name) {
  if (name == "cellar") return "12.5";
  if (name == "kitchen") return "20.5";
  if (name == "attic") return "27.0";
  return "out of order";
}

double ParseCelsius(const std::string& text) { return std::stod(text); }

double Average(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

// A mirror that is too slow to ever answer, but stops when it is asked to.
std::string ReadSlowMirror(std::stop_token stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait(lock, stop, [] { return false; });
  return "stopped";
}

std::string ReadFastMirror() { return "hello from the fast mirror"; }

}  // namespace

int main() {
  asyncpal::ThreadPool pool(4);

  // One step after another. The continuation runs on the worker that finished
  // the step before it.
  Future<double> cellar = pool.Submit(ReadSensor, "cellar").Then(ParseCelsius);
  std::cout << "cellar: " << cellar.Collect() << " C\n";

  // Many futures become one.
  std::vector<Future<double>> readings;
  for (const char* name : {"cellar", "kitchen", "attic"}) {
    readings.push_back(pool.Submit(ReadSensor, name).Then(ParseCelsius));
  }
  Future<double> average = asyncpal::WhenAll(readings).Then(Average);
  std::cout << "average: " << average.Collect() << " C\n";

  // A continuation may return a future; it is waited for, not wrapped. So a
  // step that is heavy goes to a worker of its own.
  Future<double> coldest = asyncpal::WhenAll(readings).Then(
      [&pool](const std::vector<double>& values) {
        return pool.Submit([values] {
          return *std::min_element(values.begin(), values.end());
        });
      });
  std::cout << "coldest: " << coldest.Collect() << " C\n";

  // An error skips the steps that need a result. It reaches whoever looks:
  // a callback, which gets the done future, ...
  Future<double> garage =
      pool.Submit(ReadSensor, "garage").Then(ParseCelsius).Then([](double c) {
        std::cout << "never printed\n";
        return c;
      });
  garage.Wait();
  garage.AddCallback([](const Future<double>& done) {
    std::cout << "garage failed: " << std::boolalpha << done.is_failed()
              << "\n";
  });
  // ... a continuation that takes the future instead of the result, ...
  Future<double> fallback = garage.Then([](const Future<double>& done) {
    return done.is_completed() ? *done.result() : 18.0;
  });
  std::cout << "garage, or else: " << fallback.Collect() << " C\n";
  // ... and Collect(), which throws what the step threw.
  try {
    garage.Collect();
  } catch (const std::invalid_argument& error) {
    std::cout << "garage threw: " << error.what() << "\n";
  }

  // The first of two answers; the other one is no longer wanted.
  std::vector<Future<std::string>> mirrors = {pool.Submit(ReadSlowMirror),
                                              pool.Submit(ReadFastMirror)};
  const size_t first = asyncpal::WhenAny(mirrors).Collect();
  std::cout << mirrors[first].Collect() << "\n";
  mirrors[1 - first].Cancel();
}
