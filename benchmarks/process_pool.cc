#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "asyncpal/benchmarks/process_contestant.h"

// Measures ProcessPool beside Python's pools and bare sockets, and prints how
// they compare; see README.md. Times mean little by themselves, so everybody is
// measured in each round of one run, one after the other, and ratios are
// judged.

namespace asyncpal::benchmarks {
namespace {

constexpr char kUsage[] =
    "process_pool [part of a case's name] [options]\n"
    "  --rounds=N     each case is measured so often (7)\n"
    "  --smoke        small inputs: whether, not how fast\n"
    "  --python=FILE  where python_pools.py is; empty: without Python\n";

constexpr char kOurs[] = "asyncpal";
const std::vector<std::string> kPeers = {"socket", "futures",
                                         "multiprocessing"};

struct Settings {
  std::string filter;
  int rounds = 7;
  bool smoke = false;
  std::string python;
};

// A number that is to be at most `factor` times that of `peer`, in units if
// that is empty; at least, where more is better. 0: no target.
struct Target {
  double factor = 0;
  std::string peer;
};

enum class Unit { kNanos, kMicros, kMillis, kPerSecond };

struct Case {
  std::string name;
  std::string measure;
  // How to read it, of each round's numbers or, in percent, of all.
  Unit unit;
  int percentile;  // 0: the median of the rounds' medians
  int count;
  int smoke_count;
  Target first;
  Target then = {};
  std::string peers_measure = {};  // if peers know it by another name
};

// clang-format off
const std::vector<Case> kCases = {
    {"call, idle for 1 ms", "idle_call", Unit::kMicros, 0, 60, 3,
     {1.5, "socket"}, {0.05, "futures"}},
    {"submit, collect, idle", "idle_submit", Unit::kMicros, 0, 60, 3,
     {1.5, "socket"}, {0.05, "futures"}, "idle_call"},
    {"call, back to back", "call", Unit::kMicros, 0, 500, 5,
     {1.2, "socket"}, {0.02, "futures"}},
    {"submit, collect", "submit", Unit::kMicros, 0, 500, 5,
     {1.2, "socket"}, {0.02, "futures"}, "call"},
    {"pipelined, 2 workers", "pipelined", Unit::kMicros, 0, 5000, 20,
     {3, ""}, {1, ""}},
    {"map in chunks of 500", "map", Unit::kNanos, 0, 100000, 1000,
     {0.3, "futures"}},
    {"echo of 1 KiB", "echo_1024", Unit::kPerSecond, 0, 500, 5, {0.5, "socket"}},
    {"echo of 64 KiB", "echo_65536", Unit::kPerSecond, 0, 200, 2,
     {0.5, "socket"}, {1, "socket"}},
    {"echo of 1 MiB", "echo_1048576", Unit::kPerSecond, 0, 30, 1,
     {2.5, "futures"}, {1, "socket"}},
    {"echo of 16 MiB", "echo_16777216", Unit::kPerSecond, 0, 5, 1,
     {0.5, "socket"}, {1, "socket"}},
    {"spawn to first result", "spawn", Unit::kMillis, 0, 8, 1,
     {5, ""}, {2, ""}},
    {"notice SIGKILL", "notice", Unit::kMillis, 0, 15, 1, {1, ""}},
    {"notice SIGKILL, p99", "notice", Unit::kMillis, 99, 15, 1, {20, ""}},
    {"SIGKILL to next result", "recover", Unit::kMillis, 0, 15, 1, {15, ""}},
    {"SIGKILL to next, p99", "recover", Unit::kMillis, 99, 15, 1, {100, ""}},
};
// clang-format on

const char* NameOf(Unit unit) {
  switch (unit) {
    case Unit::kNanos:
      return "ns";
    case Unit::kMicros:
      return "us";
    case Unit::kMillis:
      return "ms";
    case Unit::kPerSecond:
      return "MiB/s";
  }
  return "";
}

double Convert(double seconds, Unit unit) {
  switch (unit) {
    case Unit::kNanos:
      return seconds * 1e9;
    case Unit::kMicros:
      return seconds * 1e6;
    case Unit::kMillis:
      return seconds * 1e3;
    case Unit::kPerSecond:
      return 1 / seconds;
  }
  return 0;
}

double Percentile(std::vector<double> values, int percent) {
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) * static_cast<size_t>(percent) / 100];
}

using Rounds = std::vector<std::vector<double>>;

// Seconds; 0: there are none.
double Summarize(const Rounds& rounds, int percentile) {
  std::vector<double> all;
  for (const std::vector<double>& round : rounds) {
    if (round.empty()) continue;
    if (percentile == 0) {
      all.push_back(Percentile(round, 50));
    } else {
      all.insert(all.end(), round.begin(), round.end());
    }
  }
  if (all.empty()) return 0;
  return Percentile(std::move(all), percentile == 0 ? 50 : percentile);
}

std::string Format(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), value < 1000 ? "%.3g" : "%.0f", value);
  return text;
}

class Comparison {
 public:
  explicit Comparison(Settings settings) : settings_(std::move(settings)) {
    contestants_.emplace_back(kOurs, MakeAsyncpalProcesses());
    contestants_.emplace_back("socket", MakeSocketProcesses());
    if (settings_.python.empty()) return;
    try {
      for (const char* pool : {"futures", "multiprocessing"}) {
        contestants_.emplace_back(pool,
                                  MakePythonProcesses(settings_.python, pool));
      }
    } catch (const std::exception& error) {
      std::cout << "Without Python's pools: " << error.what() << "\n";
    }
  }

  void Run() {
    std::vector<std::vector<std::string>> rows = {
        {"case", "", kOurs, kPeers[0], kPeers[1], kPeers[2], "x socket",
         "x futures", "first target", "then"}};
    std::vector<const Case*> cases;
    for (const Case& one : kCases) {
      if (one.name.find(settings_.filter) == std::string::npos) continue;
      cases.push_back(&one);
    }
    for (int round = 0; round < settings_.rounds; ++round) {
      for (const Case* one : cases) Measure(*one, round);
    }
    for (const Case* one : cases) rows.push_back(Row(*one));
    Print(rows);
  }

 private:
  struct Entry {
    Entry(std::string n, std::unique_ptr<Contestant> c)
        : name(std::move(n)), contestant(std::move(c)) {}
    std::string name;
    std::unique_ptr<Contestant> contestant;
    std::vector<std::pair<std::string, Rounds>> measured = {};
  };

  static Rounds& RoundsOf(Entry& entry, const std::string& measure) {
    for (auto& [name, rounds] : entry.measured) {
      if (name == measure) return rounds;
    }
    return entry.measured.emplace_back(measure, Rounds()).second;
  }

  static const std::string& MeasureOf(const Entry& entry, const Case& one) {
    return entry.name == kOurs || one.peers_measure.empty() ? one.measure
                                                            : one.peers_measure;
  }

  // Unless another case has measured the same in this round.
  void Measure(const Case& one, int round) {
    for (size_t i = 0; i < contestants_.size(); ++i) {
      // Nobody always comes after the same other.
      Entry& entry =
          contestants_[(i + static_cast<size_t>(round)) % contestants_.size()];
      const std::string& measure = MeasureOf(entry, one);
      Rounds& rounds = RoundsOf(entry, measure);
      if (rounds.size() > static_cast<size_t>(round)) continue;
      rounds.push_back(entry.contestant->Measure(
          measure, settings_.smoke ? one.smoke_count : one.count));
    }
  }

  // In the case's unit; 0: not measured.
  double NumberOf(const Case& one, const std::string& name) {
    for (Entry& entry : contestants_) {
      if (entry.name != name) continue;
      const double seconds =
          Summarize(RoundsOf(entry, MeasureOf(entry, one)), one.percentile);
      return seconds == 0 ? 0 : Convert(seconds, one.unit);
    }
    return 0;
  }

  std::string Judge(const Case& one, const Target& target) {
    if (target.factor == 0) return "";
    std::string text = Format(target.factor);
    double limit = target.factor;
    if (!target.peer.empty()) {
      text += " x " + target.peer;
      limit *= NumberOf(one, target.peer);
      if (limit == 0) return text + ": ?";
    }
    const double ours = NumberOf(one, kOurs);
    const bool met = one.unit == Unit::kPerSecond ? ours >= limit  //
                                                  : ours <= limit;
    return text + (met ? ": yes" : ": NO");
  }

  std::vector<std::string> Row(const Case& one) {
    const double ours = NumberOf(one, kOurs);
    std::vector<std::string> row = {one.name, NameOf(one.unit), Format(ours)};
    for (const std::string& peer : kPeers) {
      const double number = NumberOf(one, peer);
      row.push_back(number == 0 ? "" : Format(number));
    }
    for (const char* peer : {"socket", "futures"}) {
      const double number = NumberOf(one, peer);
      row.push_back(number == 0 ? "" : Format(ours / number));
    }
    row.push_back(Judge(one, one.first));
    row.push_back(Judge(one, one.then));
    return row;
  }

  static void Print(const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> widths(rows[0].size());
    for (const auto& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        widths[i] = std::max(widths[i], row[i].size());
      }
    }
    for (const auto& row : rows) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string space(widths[i] - row[i].size(), ' ');
        const bool is_text = i < 2 || i + 2 >= row.size();
        line += is_text ? row[i] + space : space + row[i];
        line += "  ";
      }
      line.erase(line.find_last_not_of(' ') + 1);
      std::cout << line << "\n";
    }
  }

  const Settings settings_;
  std::vector<Entry> contestants_;
};

void PrintCircumstances(const Settings& settings) {
  double load[3] = {};
  getloadavg(load, 3);
  std::printf("\n%u CPUs, load %.1f, medians of %d rounds\n",
              std::thread::hardware_concurrency(), load[0], settings.rounds);
#ifndef __OPTIMIZE__
  std::puts("Compiled without optimization: use --config=opt.");
#endif
}

int Main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value =
        equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (argument == "--smoke") {
      settings.smoke = true;
    } else if (name == "--rounds" && std::atoi(value.c_str()) > 0) {
      settings.rounds = std::atoi(value.c_str());
    } else if (name == "--python") {
      settings.python = value;
    } else if (name[0] != '-' && settings.filter.empty()) {
      settings.filter = argument;
    } else {
      std::cerr << argument << ": unknown argument, or bad value\n" << kUsage;
      return EXIT_FAILURE;
    }
  }
  try {
    Comparison(settings).Run();
  } catch (const std::exception& error) {
    std::cerr << "process_pool: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
  PrintCircumstances(settings);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace asyncpal::benchmarks

int main(int argc, char** argv) {
  asyncpal::benchmarks::BecomeSocketProcessIfAsked(argc, argv);
  return asyncpal::benchmarks::Main(argc, argv);
}
