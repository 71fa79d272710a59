// Counts the lines, words and bytes of every file under a directory, on all
// CPUs:
//
//   ./bazelw run //examples:wordcount -- /usr/share/doc
//
// The walk through the tree feeds a lazy map, MapUnordered(): memory stays the
// same for ten files and for ten million. With --processes the workers are
// processes, which here is only for show; nothing else changes.
//
// Exit code: 0, every file was counted; 1, something could not be read, as told
// on stderr; 2, the arguments make no sense.

#include <getopt.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/examples/count_file.h"
#include "asyncpal/examples/file_tree.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/progress_bar.h"
#include "asyncpal/pool/thread_pool.h"

// How the result of a worker process travels. Its error is one of the system's.
template <>
struct asyncpal::Codec<wordcount::FileCount> {
  static void Encode(const wordcount::FileCount& file, Encoder& out) {
    out.Write(file.path);
    out.Write(file.counts.lines);
    out.Write(file.counts.words);
    out.Write(file.counts.bytes);
    out.Write(file.error.value());
  }
  static wordcount::FileCount Decode(Decoder& in) {
    // Braces: in this order.
    return {in.Read<std::string>(),
            {in.Read<int64_t>(), in.Read<int64_t>(), in.Read<int64_t>()},
            {in.Read<int>(), std::generic_category()}};
  }
};

namespace wordcount {
namespace {

constexpr size_t kLargestShown = 10;

struct Arguments {
  std::string directory;
  int workers = 0;  // 0: as many as the pool thinks right
  bool processes = false;
};

// 1234567 as "1,234,567".
std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (auto i = static_cast<ptrdiff_t>(text.size()) - 3; i > 0; i -= 3) {
    text.insert(static_cast<size_t>(i), ",");
  }
  return text;
}

// "1 file", "2,000 files".
std::string Several(int64_t number, const std::string& what) {
  const char* const plural = what.ends_with('s') ? "es" : "s";
  return Grouped(number) + " " + what + (number == 1 ? "" : plural);
}

// A path on one line, whatever is in its name.
std::string Printable(const std::string& path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte != 0x7f) {
      text += c;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof(escape), "\\x%02x", byte);
      text += escape;
    }
  }
  return text;
}

// What goes to stderr: errors, and how far the count is where somebody watches.
class Console {
 public:
  void ReportError(const std::string& path, const std::error_code& error) {
    bar_->Clear();
    std::fprintf(stderr, "wordcount: %s: %s\n", Printable(path).c_str(),
                 error.message().c_str());
    ++errors_;
  }

  std::shared_ptr<asyncpal::ProgressBar> bar() const { return bar_; }
  int64_t errors() const { return errors_; }

 private:
  const std::shared_ptr<asyncpal::ProgressBar> bar_ =
      std::make_shared<asyncpal::ProgressBar>(
          asyncpal::ProgressBarOptions{.unit = "files", .keep = false});
  int64_t errors_ = 0;
};

// The totals, and the few files that are shown one by one.
struct Summary {
  int64_t files = 0;
  Counts total;
  std::vector<FileCount> largest;

  void Add(FileCount file) {
    ++files;
    total += file.counts;
    const auto larger = [](const FileCount& a, const FileCount& b) {
      if (a.counts.bytes != b.counts.bytes) {
        return a.counts.bytes > b.counts.bytes;
      }
      return a.path < b.path;
    };
    if (largest.size() == kLargestShown && !larger(file, largest.back())) {
      return;
    }
    largest.insert(
        std::upper_bound(largest.begin(), largest.end(), file, larger),
        std::move(file));
    if (largest.size() > kLargestShown) largest.pop_back();
  }
};

void PrintTable(const Summary& summary, const std::string& root) {
  // No number is wider than that of the totals.
  const std::string lines = Grouped(summary.total.lines);
  const std::string words = Grouped(summary.total.words);
  const std::string bytes = Grouped(summary.total.bytes);
  const int widths[] = {std::max<int>(lines.size(), 5),
                        std::max<int>(words.size(), 5),
                        std::max<int>(bytes.size(), 5)};
  const auto print_row = [&](const std::string& a, const std::string& b,
                             const std::string& c, const std::string& name) {
    std::printf("%*s  %*s  %*s  %s\n", widths[0], a.c_str(), widths[1],
                b.c_str(), widths[2], c.c_str(), name.c_str());
  };
  print_row("lines", "words", "bytes", "largest files");
  for (const FileCount& file : summary.largest) {
    std::string name = file.path.substr(root.size());
    name.erase(0, name.find_first_not_of('/'));
    print_row(Grouped(file.counts.lines), Grouped(file.counts.words),
              Grouped(file.counts.bytes), Printable(name));
  }
  const auto rule = [](int width) { return std::string(width, '-'); };
  print_row(rule(widths[0]), rule(widths[1]), rule(widths[2]), rule(13));
  print_row(lines, words, bytes, "total of " + Several(summary.files, "file"));
}

template <typename Pool>
int Run(const Arguments& arguments) {
  const absl::Time start = absl::Now();
  Console console;
  Summary summary;
  Pool pool({.max_workers = arguments.workers, .name = "wordcount"});

  FileTree files(arguments.directory,
                 [&](const std::string& path, std::error_code error) {
                   console.ReportError(path, error);
                 });
  for (FileCount& file : pool.MapUnordered(
           {.chunk_size = 16, .progress = console.bar()}, CountFile, files)) {
    if (file.error) {
      console.ReportError(file.path, file.error);
    } else {
      summary.Add(std::move(file));
    }
  }

  PrintTable(summary, arguments.directory);
  std::printf("\n%.2f s with %s", absl::ToDoubleSeconds(absl::Now() - start),
              Several(pool.CountWorkers(),
                      arguments.processes ? "worker process" : "worker")
                  .c_str());
  if (console.errors() > 0) {
    std::printf("; %s not counted, see above",
                Grouped(console.errors()).c_str());
  }
  std::printf("\n");
  if (std::fflush(stdout) != 0) {
    std::perror("wordcount: stdout");
    return 1;
  }
  return console.errors() == 0 ? 0 : 1;
}

[[noreturn]] void Refuse(const std::string& message) {
  std::fprintf(stderr, "wordcount: %s\n", message.c_str());
  std::exit(2);
}

// Exits when there is nothing to run.
Arguments ParseArguments(int argc, char** argv) {
  const std::string usage =
      "Usage: wordcount [--workers N] [--processes] DIR\n"
      "Counts lines, words and bytes of every file under DIR, as wc does.\n"
      "Symbolic links are not followed. With --processes, processes count.";
  const option options[] = {{"workers", required_argument, nullptr, 'w'},
                            {"processes", no_argument, nullptr, 'p'},
                            {"help", no_argument, nullptr, 'h'},
                            {}};
  Arguments arguments;
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    if (c == 'h') {
      std::puts(usage.c_str());
      std::exit(0);
    }
    if (c == 'p') {
      arguments.processes = true;
      continue;
    }
    if (c != 'w') {
      Refuse(std::string(argv[optind - 1]) + " is no option, or lacks its N\n" +
             usage);
    }
    if (!absl::SimpleAtoi(optarg, &arguments.workers) ||
        arguments.workers < 1) {
      Refuse(std::string("--workers ") + optarg + ": not a positive number");
    }
  }
  if (argc - optind != 1) Refuse("one DIR is needed\n" + usage);

  // `bazel run` starts programs in a folder of its own.
  const char* const caller_folder = std::getenv("BUILD_WORKING_DIRECTORY");
  const std::filesystem::path given = argv[optind];
  arguments.directory =
      caller_folder == nullptr ? given : caller_folder / given;
  std::error_code error;
  if (!std::filesystem::is_directory(arguments.directory, error)) {
    if (!error) error = std::make_error_code(std::errc::not_a_directory);
    Refuse(Printable(argv[optind]) + ": " + error.message());
  }
  return arguments;
}

}  // namespace
}  // namespace wordcount

int main(int argc, char** argv) {
  const auto arguments = wordcount::ParseArguments(argc, argv);
  return arguments.processes ? wordcount::Run<asyncpal::ProcessPool>(arguments)
                             : wordcount::Run<asyncpal::ThreadPool>(arguments);
}
