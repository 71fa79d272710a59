#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "asyncpal/benchmarks/harness.h"
#include "benchmark/benchmark.h"

// Measures ThreadPool beside other pools. compare.py runs it and says what the
// numbers mean; see README.md.

namespace asyncpal::benchmarks {
namespace {

constexpr char kUsage[] =
    "  --workers=N              threads of each pool (2)\n"
    "  --smoke                  small inputs: whether, not how fast\n"
    "  --measure_future_bytes=POOL\n"
    "  --measure_post_bytes=POOL\n"
    "                           prints the bytes per pending one; used by the\n"
    "                           cases of those names, with --count=N of them\n"
    "  --measure_idle_pools=N   prints the bytes of each of N idle pools\n"
    "and those of Google Benchmark, see --help\n";

int Main(int argc, char** argv) {
  Settings settings;
  std::string measured_pool;
  bool with_futures = false;
  int64_t count = 1000;
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value =
        equals == std::string::npos ? "" : argument.substr(equals + 1);
    const int64_t number = std::atoll(value.c_str());
    if (argument == "--smoke") {
      settings.smoke = true;
    } else if (name == "--workers" && number > 0) {
      settings.workers = static_cast<int>(number);
    } else if (name == "--count" && number > 0) {
      count = number;
    } else if (name == "--measure_idle_pools" && number > 0) {
      std::cout << MeasureIdlePoolBytes(number) << "\n";
      return EXIT_SUCCESS;
    } else if (name == "--measure_future_bytes" ||
               name == "--measure_post_bytes") {
      measured_pool = value;
      with_futures = name == "--measure_future_bytes";
    } else {
      std::cerr << argument << ": unknown argument, or bad value. It takes\n"
                << kUsage;
      return EXIT_FAILURE;
    }
  }
  if (!measured_pool.empty()) {
    std::cout << MeasurePendingBytes(measured_pool, with_futures,
                                     settings.workers, count)
              << "\n";
    return EXIT_SUCCESS;
  }
#ifdef __OPTIMIZE__
  benchmark::AddCustomContext("optimized", "yes");
#else
  benchmark::AddCustomContext("optimized", "no");
#endif
  RegisterThroughput(settings);
  RegisterLatency(settings);
  RegisterLoops(settings);
  RegisterResources(settings);
  RegisterViews(settings);
  RegisterLater(settings);
  RegisterChunks(settings);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace asyncpal::benchmarks

int main(int argc, char** argv) {
  return asyncpal::benchmarks::Main(argc, argv);
}
