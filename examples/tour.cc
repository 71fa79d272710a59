// What pools are for, in twenty lines of output:
//
//   ./bazelw run //examples:tour -- [DIR]
//
// The words of all files below DIR are counted by threads, then by processes,
// of which one is killed in the middle. Then come a task that crashes, one that
// never ends and one that throws, and the pool that they leave behind.
//
// Exit code: 0, unless the two counts differ (1) or there is no such DIR (2).

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/examples/count_file.h"
#include "asyncpal/examples/file_tree.h"
#include "asyncpal/future/chunks.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/thread_pool.h"

namespace tour {
namespace {

using asyncpal::Future;
using asyncpal::ProcessPool;
using asyncpal::ThreadPool;

constexpr size_t kFilesPerTask = 64;

struct Totals {
  int64_t files = 0;
  int64_t words = 0;
  int64_t bytes = 0;
  int64_t unreadable = 0;

  bool operator==(const Totals&) const = default;
  Totals& operator+=(const Totals& other) {
    files += other.files;
    words += other.words;
    bytes += other.bytes;
    unreadable += other.unreadable;
    return *this;
  }
};

}  // namespace
}  // namespace tour

// How the result of a worker process travels.
template <>
struct asyncpal::Codec<tour::Totals> {
  static void Encode(const tour::Totals& totals, Encoder& out) {
    out.Write(totals.files);
    out.Write(totals.words);
    out.Write(totals.bytes);
    out.Write(totals.unreadable);
  }
  static tour::Totals Decode(Decoder& in) {
    // Braces: in this order.
    return {in.Read<int64_t>(), in.Read<int64_t>(), in.Read<int64_t>(),
            in.Read<int64_t>()};
  }
};

namespace tour {
namespace {

Totals CountFiles(const std::vector<std::string>& paths) {
  Totals totals;
  for (const std::string& path : paths) {
    const wordcount::FileCount file = wordcount::CountFile(path);
    if (file.error) {
      ++totals.unreadable;
    } else {
      totals += {1, file.counts.words, file.counts.bytes, 0};
    }
  }
  return totals;
}

void WriteToNowhere() {
  int* volatile nowhere = nullptr;
  *nowhere = 42;
}

void RunForever() {
  volatile bool done = false;
  while (!done) {
  }
}

int ReadPort(const std::string& text) {
  try {
    return std::stoi(text);
  } catch (const std::exception&) {
    std::throw_with_nested(std::runtime_error("port is '" + text + "'"));
  }
}

// 1234567 as "1,234,567".
std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (auto i = static_cast<ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<size_t>(i), ",");
  }
  return text;
}

void PrintTotals(const char* who, const Totals& totals, absl::Time start) {
  absl::PrintF("%-10s %s files, %s words, %s bytes in %.2f s\n", who,
               Grouped(totals.files), Grouped(totals.words),
               Grouped(totals.bytes),
               absl::ToDoubleSeconds(absl::Now() - start));
}

// The sum over all paths, some of which make one task.
template <typename Pool>
std::vector<Future<Totals>> SubmitAll(Pool& pool,
                                      const std::vector<std::string>& paths) {
  std::vector<Future<Totals>> counts;
  for (std::vector<std::string>& some :
       asyncpal::GetChunks(paths, kFilesPerTask)) {
    // Counting does no harm when it is done twice.
    counts.push_back(
        pool.Submit({.max_attempts = 3}, CountFiles, std::move(some)));
  }
  return counts;
}

Totals Sum(const std::vector<Future<Totals>>& counts) {
  Totals totals;
  for (Future<Totals> count : asyncpal::AsDone(counts)) {
    totals += count.Collect();
  }
  return totals;
}

// Kills one worker, a busy one if there is one.
void KillOne(ProcessPool& pool) {
  int64_t victim = 0;
  for (const asyncpal::WorkerInfo& worker : pool.Workers()) {
    if (victim == 0 || worker.busy) victim = worker.pid.value_or(0);
  }
  if (victim > 0) kill(static_cast<pid_t>(victim), SIGKILL);
}

void PrintCauses(const std::exception& error, const char* before) {
  std::cout << before << error.what() << "\n";
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    PrintCauses(cause, "             caused by: ");
  }
}

// The first line with a function of this file.
std::string FindFrame(const std::string& stack) {
  const size_t name = stack.find("tour::");
  if (name == std::string::npos) return "of the worker";
  return stack.substr(name, stack.find('\n', name) - name);
}

void ShowFailures(ProcessPool& pool) {
  std::cout << "\nEach of these costs one future, and nothing else:\n";
  try {
    pool.Run(WriteToNowhere);
  } catch (const asyncpal::WorkerLostError& error) {
    std::cout << "  it crashes: " << error.what() << "\n";
  }

  Future<void> endless = pool.Submit({.name = "endless"}, RunForever);
  while (!endless.is_running()) absl::SleepFor(absl::Milliseconds(1));
  endless.Kill();
  try {
    endless.Collect();
  } catch (const asyncpal::CancelledError& error) {
    std::cout << "  it never ends, and is killed: " << error.what() << "\n";
  }

  try {
    pool.Run({.timeout = absl::Milliseconds(200)}, RunForever);
  } catch (const asyncpal::TimeoutError& error) {
    std::cout << "  it has a time limit: " << error.what() << "\n";
  }

  try {
    pool.Run(ReadPort, "eighty");
  } catch (const std::exception& error) {
    PrintCauses(error, "  it throws: ");
    std::cout << "             at: "
              << FindFrame(
                     asyncpal::GetRemoteTraceback(std::current_exception()))
              << "\n";
  }
}

int Run(const std::string& directory) {
  std::vector<std::string> paths;
  int64_t unreadable = 0;
  wordcount::FileTree tree(
      directory,
      [&](const std::string&, const std::error_code&) { ++unreadable; });
  for (const std::string& path : tree) paths.push_back(path);
  std::cout << "All words below " << directory << ":\n";

  absl::Time start = absl::Now();
  ThreadPool threads;
  const Totals by_threads = Sum(SubmitAll(threads, paths));
  PrintTotals("threads", by_threads, start);

  start = absl::Now();
  ProcessPool processes(4);
  const auto counts = SubmitAll(processes, paths);
  if (!counts.empty()) counts[counts.size() / 2].Wait();
  KillOne(processes);
  const Totals by_processes = Sum(counts);
  PrintTotals("processes", by_processes, start);
  std::cout << "One of the processes was killed meanwhile; the counts are "
            << (by_threads == by_processes ? "the same" : "DIFFERENT")
            << ",\nfor what it ran was given to another one.\n";

  ShowFailures(processes);

  const asyncpal::PoolStats stats = processes.Stats();
  std::cout << "\nThe pool goes on: 6 times 7 is "
            << processes.Run([](int a, int b) { return a * b; }, 6, 7)
            << ". Of " << stats.submitted << " tasks, " << stats.completed
            << " completed, " << stats.failed << " failed and "
            << stats.cancelled << " was cancelled.\n";
  if (unreadable + by_threads.unreadable > 0) {
    std::cout << Grouped(unreadable + by_threads.unreadable)
              << " files could not be read.\n";
  }
  return by_threads == by_processes ? 0 : 1;
}

}  // namespace
}  // namespace tour

int main(int argc, char** argv) {
  // `bazel run` starts programs in a folder of its own.
  const char* const here = std::getenv("BUILD_WORKING_DIRECTORY");
  const std::filesystem::path given = argc > 1 ? argv[1] : "/usr/share/doc";
  const std::filesystem::path directory =
      here == nullptr ? given : here / given;
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    std::cerr << "tour: " << directory << " is no folder\n";
    return 2;
  }
  return tour::Run(directory);
}
