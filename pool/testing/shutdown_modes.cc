#include "asyncpal/pool/testing/shutdown_modes.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string_view>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/global_shutdown.h"
#include "asyncpal/pool/thread_pool.h"

namespace asyncpal::testing {
namespace {

// A deadline that leaves time, a quarter of it, to tell what hangs: a busy
// machine needs that.
constexpr absl::Duration kTimeToReport = absl::Seconds(4);

// Not buffered: what was said before a crash counts.
void Say(std::string_view line) {
  const std::string text = std::string(line) + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) std::abort();
}

// What a pool says to a submission.
const char* TryToSubmit(ThreadPool& pool) {
  try {
    pool.Submit([] {}).Collect();
    return "accepted";
  } catch (const ClosedPoolError&) {
    return "refused";
  }
}

// A static object whose constructor and destructor come before and after
// main(); it is made only in the modes that are about it.
class PoolOfAStaticObject {
 public:
  void Make() {
    pool_ = std::make_unique<ThreadPool>(2);
    Say(TryToSubmit(*pool_));
  }
  ~PoolOfAStaticObject() {
    Say("static objects go");
    if (pool_ != nullptr) Say(TryToSubmit(*pool_));
    if (!make_late) return;
    ThreadPool late(1);
    Say(TryToSubmit(late));
  }
  bool make_late = false;

 private:
  std::unique_ptr<ThreadPool> pool_;
};

class EarlyPool {
 public:
  EarlyPool() : pool_(2), result_(pool_.Run([] { return 7; })) {}
  ~EarlyPool() { pool_.Shutdown(); }
  int result() const { return result_; }
  ThreadPool& pool() { return pool_; }

 private:
  ThreadPool pool_;
  int result_;
};

PoolOfAStaticObject static_object;
EarlyPool early;

// Never deleted. One worker runs a task that ends when it is asked to, with
// another task behind it.
ThreadPool& LeakBusyPool() {
  static auto* const pool =
      new ThreadPool({.max_workers = 1, .name = "leaked"});
  static auto* const started = new Notification;
  pool->Post([](std::stop_token token) {
    Notification stopped;
    const std::stop_callback callback(token, [&] { stopped.Notify(); });
    started->Notify();
    if (stopped.Wait()) Say("asked to stop");
  });
  pool->Submit([] { Say("a pending task ran"); })
      .AddCallback([](const Future<void>& done) {
        if (done.is_cancelled()) Say("pending task cancelled");
      });
  started->Wait();
  return *pool;
}

// A task that nothing ends.
void LeakHungPool() {
  static auto* const pool =
      new ThreadPool({.max_workers = 1, .name = "hung pool"});
  static auto* const started = new Notification;
  pool->Post(TaskOptions{.name = "stuck task"}, [] {
    started->Notify();
    while (true) absl::SleepFor(absl::Seconds(1));
  });
  started->Wait();
}

[[noreturn]] void WaitForTheEnd() {
  while (true) absl::SleepFor(absl::Seconds(1));
}

}  // namespace

int RunShutdownMode(const std::string& mode) {
  // So that a mode that should not wait for it fails by the test's own limit.
  GlobalShutdown::SetDeadline(absl::Seconds(50));
  if (mode == "return") {
    LeakBusyPool();
    return 3;
  }
  if (mode == "exit") {
    LeakBusyPool();
    std::exit(4);
  }
  if (mode == "exit_with_a_young_static") {
    LeakBusyPool();
    struct Young {
      ~Young() { Say("young static goes"); }
    };
    static const Young younger_than_the_pool;
    (void)younger_than_the_pool;
    std::exit(4);
  }
  if (mode == "exit_in_task") {
    LeakBusyPool();
    ThreadPool pool(2);
    pool.Post([] { std::exit(5); });
    WaitForTheEnd();
  }
  if (mode == "exit_in_waiting_task") {
    ThreadPool pool(1);
    pool.Run([&] { pool.Run([] { std::exit(5); }); });
  }
  if (mode == "exit_in_callback") {
    ThreadPool pool(1);
    Notification added;
    pool.Submit([&] { added.Wait(); }).AddCallback([](const auto&) {
      std::exit(5);
    });
    added.Notify();
    WaitForTheEnd();
  }
  if (mode == "exit_in_task_during_the_shutdown") {
    static Notification ending;
    static auto* const pool = new ThreadPool(1);
    GlobalShutdown::Register([] { ending.Notify(); });
    static Notification started;
    pool->Post([] {
      started.Notify();
      ending.Wait();
      std::exit(5);
    });
    started.Wait();
    GlobalShutdown::Run();
    WaitForTheEnd();
  }
  if (mode == "exit_in_initializer") {
    static auto* const pool =
        new ThreadPool({.max_workers = 1, .initializer = [] { std::exit(5); }});
    pool->Post([] {});
    WaitForTheEnd();
  }
  if (mode == "drain") {
    GlobalShutdown::SetMode(ExitMode::kDrain);
    static auto* const pool = new ThreadPool(1);
    for (int i = 0; i < 3; ++i) pool->Post([] { Say("a pending task ran"); });
    return 3;
  }
  if (mode == "drain_past_the_deadline") {
    GlobalShutdown::SetMode(ExitMode::kDrain);
    GlobalShutdown::SetDeadline(kTimeToReport);
    LeakHungPool();
    LeakBusyPool();
    return 3;
  }
  if (mode == "none") {
    GlobalShutdown::SetMode(ExitMode::kNone);
    GlobalShutdown::Register([] { Say("another handler ran"); });
    LeakHungPool();
    return 3;
  }
  if (mode == "exit_in_thread") {
    LeakBusyPool();
    std::thread([] { std::exit(5); }).detach();
    WaitForTheEnd();
  }
  if (mode == "exit_under_a_pool") {
    ThreadPool pool(2);  // its destructor does not run
    pool.Run([] {});
    std::exit(4);
  }
  if (mode == "throw") {
    LeakBusyPool();
    throw std::runtime_error("this leaves main");
  }
  if (mode == "throw_closed") {
    auto* const pool = new ThreadPool(1);
    pool->Post([] { Say("posted"); });
    pool->Shutdown({.mode = ShutdownMode::kDrain});
    LeakBusyPool();
    pool->Submit([] {});  // throws, and nobody catches it
  }
  if (mode == "throw_broken") {
    auto* const pool = new ThreadPool(
        {.max_workers = 1, .name = "ill", .initializer = [] { throw 42; }});
    pool->Submit([] {}).Wait();
    LeakBusyPool();
    pool->Check();  // throws, and nobody catches it
  }
  if (mode == "hang") {
    GlobalShutdown::SetDeadline(kTimeToReport);
    LeakHungPool();
    LeakBusyPool();
    GlobalShutdown::Register([] { throw std::runtime_error("bad handler"); });
    GlobalShutdown::Register([] { Say("another handler ran"); });
    return 3;
  }
  if (mode == "hanging_handler") {
    GlobalShutdown::SetDeadline(absl::Milliseconds(1200));
    GlobalShutdown::Register([] { WaitForTheEnd(); });
    return 3;
  }
  if (mode == "static_pool") {
    static_object.Make();
    return 3;
  }
  if (mode == "late_pool") {
    static_object.make_late = true;
    return 3;
  }
  if (mode == "early_pool") {
    Say(early.result() == 7 ? "early result" : "wrong result");
    Say(TryToSubmit(early.pool()));
    return 3;
  }
  if (mode == "run") {
    ThreadPool& pool = LeakBusyPool();
    GlobalShutdown::Run();
    Say(pool.is_terminated() ? "terminated" : "not terminated");
    Say(GlobalShutdown::IsActive() ? "active" : "not active");
    GlobalShutdown::Register([] { Say("late handler ran"); });
    GlobalShutdown::Run();
    return 3;
  }
  if (mode == "abort") {
    LeakHungPool();
    std::abort();
  }
  if (mode == "_exit") {
    LeakHungPool();
    _exit(6);
  }
  if (mode == "quick_exit") {
    LeakHungPool();
    std::quick_exit(6);
  }
  std::fprintf(stderr, "no such mode: %s\n", mode.c_str());
  return 1;
}

}  // namespace asyncpal::testing
