#include "asyncpal/ipc/testing/failpoints.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/worker/failpoint.h"

namespace asyncpal::testing {
namespace {

constexpr char kVariable[] = "ASYNCPAL_FAILPOINTS";

struct Failpoint {
  std::string name;
  std::string action;
  int argument = 0;
  int only_time = 0;  // 0: each time
  std::atomic<int> times = 0;
};

// Never destroyed: failpoints may be reached until the very end.
std::deque<Failpoint>& Failpoints() {
  static auto* const failpoints = new std::deque<Failpoint>;
  return *failpoints;
}

[[noreturn]] void Refuse(const std::string& item) {
  std::fprintf(stderr,
               "%s: \"%s\" is not <name>=<action>[@<n>] with an action out of "
               "exit:<code>, kill, abort, stop, sleep:<ms>\n",
               kVariable, item.c_str());
  std::abort();
}

void Parse(const std::string& item) {
  Failpoint& failpoint = Failpoints().emplace_back();
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(item, absl::MaxSplits('=', 1));
  failpoint.name = parts.first;
  const std::vector<std::string> times = absl::StrSplit(parts.second, '@');
  const std::vector<std::string> words = absl::StrSplit(times[0], ':');
  failpoint.action = words[0];
  const bool has_argument =
      failpoint.action == "exit" || failpoint.action == "sleep";
  const bool is_known = has_argument || failpoint.action == "kill" ||
                        failpoint.action == "abort" ||
                        failpoint.action == "stop";
  if (failpoint.name.empty() || !is_known ||
      words.size() != (has_argument ? 2 : 1) || times.size() > 2 ||
      (has_argument && (!absl::SimpleAtoi(words[1], &failpoint.argument) ||
                        failpoint.argument < 0)) ||
      (times.size() == 2 &&
       (!absl::SimpleAtoi(times[1], &failpoint.only_time) ||
        failpoint.only_time < 1))) {
    Refuse(item);
  }
}

void Act(const Failpoint& failpoint) {
  if (failpoint.action == "exit") _exit(failpoint.argument);
  if (failpoint.action == "kill") raise(SIGKILL);
  if (failpoint.action == "abort") std::abort();
  if (failpoint.action == "stop") raise(SIGSTOP);
  if (failpoint.action == "sleep") {
    absl::SleepFor(absl::Milliseconds(failpoint.argument));
  }
}

void Handle(const char* name) {
  for (Failpoint& failpoint : Failpoints()) {
    if (failpoint.name != name) continue;
    const int time = ++failpoint.times;
    if (failpoint.only_time == 0 || failpoint.only_time == time) {
      Act(failpoint);
    }
  }
}

[[maybe_unused]] const bool installed = [] {
  const char* const value = std::getenv(kVariable);
  if (value == nullptr || *value == '\0') return false;
  for (const absl::string_view item : absl::StrSplit(value, ',')) {
    Parse(std::string(item));
  }
  internal::failpoint_handler = &Handle;
  return true;
}();

}  // namespace

ScopedFailpoints::ScopedFailpoints(const std::string& failpoints) {
  if (const char* const old = std::getenv(kVariable)) old_ = old;
  setenv(kVariable, failpoints.c_str(), /*replace=*/1);
}

ScopedFailpoints::~ScopedFailpoints() {
  if (old_.has_value()) {
    setenv(kVariable, old_->c_str(), /*replace=*/1);
  } else {
    unsetenv(kVariable);
  }
}

}  // namespace asyncpal::testing
