#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/global_shutdown.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"

// What process_pool_exit_test starts, since it is about whole programs:
//
//   process_program <mode> <ledger>
//
// Its workers note their processes in the ledger.

namespace asyncpal::testing {
namespace {

constexpr absl::Duration kLong = absl::Seconds(30);

int Double(int n) { return 2 * n; }

// --- Before main() ---

// A program whose static objects use a pool. In its workers they are made, too,
// in the worst case before the worker takes over.
struct StaticUser {
  StaticUser() {
    const char* const ledger = std::getenv("PROCESS_PROGRAM_STATIC_LEDGER");
    if (ledger == nullptr) return;
    ExecutionLedger::Note(ledger, getpid());
    ProcessPool pool(2);
    try {
      result = pool.Submit(Double, 21).Collect(kLong);
    } catch (const BrokenPoolError& error) {
      std::fprintf(stderr, "%s\n", error.what());
      result = -1;
    }
  }
  int result = 0;
};

// As early as a program can have it.
__attribute__((init_priority(101))) StaticUser static_user;

// --- Tasks ---

void Enter(const std::string& ledger, const std::string& gate) {
  ExecutionLedger::Note(ledger, getpid());
  TouchGate(gate, 0);
}

void Sleep(std::string ledger, std::string gate) {
  Enter(ledger, gate);
  while (true) sleep(60);
}

void Spin(std::string ledger, std::string gate) {
  Enter(ledger, gate);
  volatile int n = 0;
  while (true) n = n + 1;
}

void IgnoreSignals(std::string ledger, std::string gate) {
  for (int n = 1; n < NSIG; ++n) signal(n, SIG_IGN);
  Enter(ledger, gate);
  while (true) pause();
}

void SleepUntilStopped(std::stop_token stop, std::string ledger,
                       std::string gate) {
  Notification stopped;
  const std::stop_callback callback(stop, [&] { stopped.Notify(); });
  Enter(ledger, gate);
  if (stopped.Wait()) std::printf("asked to stop\n");
}

// --- Modes ---

using Endless = void (*)(std::string ledger, std::string gate);

// Never deleted; its tasks run when this returns.
ProcessPool& LeakHungPool(const std::string& ledger,
                          const std::vector<Endless>& tasks = {Sleep, Spin,
                                                               IgnoreSignals}) {
  static auto* const pool = new ProcessPool(3);
  static auto* const gate = new Gate;
  for (const Endless task : tasks) pool->Submit(task, ledger, gate->path());
  if (!gate->WaitForArrivals(static_cast<int>(tasks.size()))) abort();
  return *pool;
}

bool Works(ProcessPool& pool) {
  for (int i = 0; i < 20; ++i) {
    if (pool.Submit(Double, i).Collect(kLong) != 2 * i) return false;
  }
  return true;
}

int HangAtReturn(const std::string& ledger) {
  GlobalShutdown::SetDeadline(absl::Milliseconds(400));
  LeakHungPool(ledger);
  return 3;
}

int HangAtExit(const std::string& ledger) {
  GlobalShutdown::SetDeadline(absl::Milliseconds(400));
  LeakHungPool(ledger);
  std::exit(3);
}

int HangAtExitOfCallback(const std::string& ledger) {
  GlobalShutdown::SetDeadline(absl::Milliseconds(400));
  ProcessPool& pool = LeakHungPool(ledger, {Sleep, Spin});
  pool.Submit(Double, 1).AddCallback([](const Future<int>&) { std::exit(3); });
  while (true) pause();
}

int HangAtThrow(const std::string& ledger) {
  GlobalShutdown::SetDeadline(absl::Milliseconds(400));
  LeakHungPool(ledger);
  throw std::runtime_error("this leaves main");
}

int StopAtReturn(const std::string& ledger) {
  static auto* const pool = new ProcessPool(1);
  static auto* const gate = new Gate;
  pool->Submit(SleepUntilStopped, ledger, gate->path());
  return gate->WaitForArrivals(1) ? 3 : 1;
}

// Its destructor comes after main(), and after the pools are closed.
struct LateUser {
  ~LateUser() {
    if (pool == nullptr) return;
    try {
      pool->Submit(Double, 1);
    } catch (const ClosedPoolError&) {
      std::fprintf(stderr, "refused\n");
    }
    try {
      ProcessPool(1).Submit(Double, 1);
    } catch (const ClosedPoolError&) {
      std::fprintf(stderr, "refused too\n");
    }
  }
  std::unique_ptr<ProcessPool> pool;
};

LateUser late_user;

int UseAfterMain(const std::string&) {
  late_user.pool = std::make_unique<ProcessPool>(1);
  return Works(*late_user.pool) ? 3 : 1;
}

bool NothingIsWhereStandardStreamsWere() {
  for (int fd = 0; fd < 3; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) return false;
  }
  std::printf("to nobody\n");
  std::fflush(stdout);
  return true;
}

int RunWithoutStandardStreams(const std::string&) {
  for (int fd = 0; fd < 3; ++fd) close(fd);
  // With more workers, one could be starting while this looks.
  ProcessPool pool(1);
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 5; ++i) {
    if (!Works(pool)) return 1;
    if (pool.Run([](std::string text) { return text; }, large) != large) {
      return 2;
    }
    if (!NothingIsWhereStandardStreamsWere()) return 4;
    if (pool.Submit([] { _exit(1); }).TryCollect(kLong).ok()) return 5;
  }
  return 3;
}

int RunWithoutExecutable(const std::string&) {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length < 0) return 1;
  path[length] = '\0';
  if (unlink(path) != 0) return 2;
  ProcessPool pool(2);
  return Works(pool) ? 3 : 4;
}

int BearInterrupts(const std::string&) {
  signal(SIGINT, [](int) {});
  ProcessPool pool(2);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 7);
  if (!gate.WaitForArrivals(1)) return 1;
  kill(0, SIGINT);  // as a terminal does
  gate.Open();
  if (future.Collect(kLong) != 7 || pool.Stats().lost != 0) return 2;
  return Works(pool) ? 3 : 4;
}

int UseBeforeMain(const std::string&) {
  return static_user.result == 42 ? 3 : 1;
}

int EndWith(void (*end)(), const std::string& ledger) {
  LeakHungPool(ledger);
  end();
  return 1;
}

int Run(const std::string& mode, const std::string& ledger) {
  // So that a mode that should not wait for it fails by the test's own limit.
  GlobalShutdown::SetDeadline(absl::Seconds(50));
  using Mode = std::function<int(const std::string&)>;
  const std::map<std::string, Mode> modes = {
      {"hang_at_return", HangAtReturn},
      {"hang_at_exit", HangAtExit},
      {"hang_at_exit_of_callback", HangAtExitOfCallback},
      {"hang_at_throw", HangAtThrow},
      {"stop_at_return", StopAtReturn},
      {"use_after_main", UseAfterMain},
      {"use_before_main", UseBeforeMain},
      {"without_standard_streams", RunWithoutStandardStreams},
      {"without_executable", RunWithoutExecutable},
      {"interrupt", BearInterrupts},
      {"quick_exit",
       [](const auto& to) { return EndWith([] { quick_exit(3); }, to); }},
      {"underscore_exit",
       [](const auto& to) { return EndWith([] { _exit(3); }, to); }},
      {"abort", [](const auto& to) { return EndWith(abort, to); }},
  };
  const auto found = modes.find(mode);
  if (found != modes.end()) return found->second(ledger);
  std::fprintf(stderr, "no such mode: %s\n", mode.c_str());
  return 1;
}

}  // namespace
}  // namespace asyncpal::testing

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return asyncpal::testing::Run(argv[1], argv[2]);
}
