#include <cstdlib>
#include <iostream>
#include <string_view>

#include "asyncpal/benchmarks/harness.h"
#include "benchmark/benchmark.h"

// Measures ThreadPool beside other pools. compare.py runs it and says what the
// numbers mean; see README.md.

int main(int argc, char** argv) {
  asyncpal::benchmarks::Settings settings;
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    constexpr std::string_view kWorkers = "--workers=";
    if (argument == "--smoke") {
      settings.smoke = true;
    } else if (argument.substr(0, kWorkers.size()) == kWorkers &&
               std::atoi(argv[i] + kWorkers.size()) > 0) {
      settings.workers = std::atoi(argv[i] + kWorkers.size());
    } else {
      std::cerr << "thread_pool: unknown argument or bad value: " << argument
                << "\nIt takes --workers=N (2), --smoke, and those of Google "
                   "Benchmark (--help)\n";
      return EXIT_FAILURE;
    }
  }
  asyncpal::benchmarks::RegisterThroughput(settings);
  asyncpal::benchmarks::RegisterLatency(settings);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
