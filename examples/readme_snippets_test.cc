// The C++ of README.md and of the guide in docs/, compiled and held to what it
// says. readme_test looks every block up in here or in hello.cc, word for word.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/log.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/exception_registry.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/global_shutdown.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/observe.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/progress.h"
#include "asyncpal/pool/progress_bar.h"
#include "asyncpal/pool/settled.h"
#include "asyncpal/pool/task_context.h"
#include "asyncpal/pool/thread_pool.h"
#include "asyncpal/pool/trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using asyncpal::AtShutdown;
using asyncpal::CancelledTask;
using asyncpal::DurationHistogram;
using asyncpal::ExecutionFence;
using asyncpal::Future;
using asyncpal::GlobalShutdown;
using asyncpal::ManualClock;
using asyncpal::Periodic;
using asyncpal::Pool;
using asyncpal::PoolStats;
using asyncpal::ProcessPool;
using asyncpal::Shippable;
using asyncpal::ShutdownMode;
using asyncpal::TaskContext;
using asyncpal::TaskName;
using asyncpal::TaskOptions;
using asyncpal::TaskPriority;
using asyncpal::ThreadPool;
using asyncpal::Trace;
using asyncpal::TraceparentScope;
using asyncpal::WhenFull;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

struct Point {
  double x, y;
};

template <>
struct asyncpal::Codec<Point> {
  static void Encode(const Point& p, Encoder& out) {
    out.Write(p.x);
    out.Write(p.y);
  }
  static Point Decode(Decoder& in) {
    return {in.Read<double>(), in.Read<double>()};  // braces keep the order
  }
};

class ParseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

ASYNCPAL_REGISTER_EXCEPTION(ParseError);

int64_t Fib(int64_t n) { return n < 2 ? n : Fib(n - 1) + Fib(n - 2); }

ASYNCPAL_REGISTER_TASK("math.fib", Fib);

namespace {

std::string Load(const std::string& name) { return "<" + name + ">"; }

int Square(int n) { return n * n; }
int Add(int a, int b) { return a + b; }

TEST(ReadmeTest, Pool) {
  ThreadPool pool({
      .max_workers = 4,                  // default: the CPUs, plus five
      .name = "loader",                  // in messages and thread names
      .idle_timeout = absl::Seconds(5),  // then an idle worker goes
  });

  Future<std::string> page = pool.Submit(Load, "index.html");
  std::string other = pool.Run(Load, "about.html");  // Submit() and Collect()
  pool.Post([] { std::clog << "nobody waits for me\n"; });

  EXPECT_EQ(page.Collect(), "<index.html>");
  EXPECT_EQ(other, "<about.html>");
}

TEST(ReadmeTest, Later) {
  ThreadPool pool;
  const auto print_report = [] { std::clog << "all is well\n"; };

  Future<std::string> page =
      pool.SubmitAfter(absl::Milliseconds(10), Load, "index.html");
  Future<void> report = pool.SubmitAfter(
      absl::Hours(1), TaskOptions{.name = "report"}, print_report);
  report.Cancel();  // it is gone, with what it holds

  EXPECT_EQ(page.Collect(), "<index.html>");
  EXPECT_TRUE(report.is_cancelled());
}

TEST(ReadmeTest, Periodic) {
  std::atomic<int> sweeps = 0;
  ThreadPool pool;
  const auto Sweep = [&sweeps] { ++sweeps; };
  const auto print_report = [] { std::clog << "all is well\n"; };

  Periodic sweep = pool.Every(absl::Milliseconds(2), Sweep);
  pool.Every(absl::Hours(1),
             {.task = {.name = "report"}, .initial_delay = absl::Hours(1)},
             print_report);
  sweep.Trigger();  // now, too
  sweep.Cancel();

  EXPECT_TRUE(sweep.done().Wait(absl::Seconds(30)));
}

TEST(ReadmeTest, LaterOnAManualClock) {
  const auto clock = std::make_shared<ManualClock>();
  ThreadPool pool({.clock = clock});
  Future<int> sum = pool.SubmitAfter(absl::Hours(1), Add, 10, 2);
  clock->Advance(absl::Minutes(59));
  EXPECT_TRUE(sum.is_pending());
  clock->Advance(absl::Minutes(1));
  EXPECT_EQ(sum.Collect(), 12);
}

TEST(ReadmeTest, Priority) {
  ThreadPool pool;
  const auto clean_up = [] {};

  pool.Post({.priority = TaskPriority::kBackground}, clean_up);
  Future<std::string> page =
      pool.Submit({.priority = TaskPriority::kUrgent}, Load, "index.html");

  EXPECT_EQ(page.Collect(), "<index.html>");
}

TEST(ReadmeTest, AtShutdownOfATask) {
  ThreadPool pool;
  const auto clean_up = [] {};
  const auto save = [] {};

  Future<void> saved = pool.Submit({.at_shutdown = AtShutdown::kFinish}, save);
  pool.Post({.at_shutdown = AtShutdown::kSkip}, clean_up);

  pool.Shutdown();
  EXPECT_TRUE(saved.is_completed());
}

TEST(ReadmeTest, PauseAndResize) {
  ThreadPool pool(4);
  bool has_reloaded = false;
  const auto reload = [&] { has_reloaded = true; };

  {
    ExecutionFence fence(pool, absl::Seconds(10));
    if (fence.is_quiet()) reload();  // no task runs
  }
  EXPECT_TRUE(has_reloaded);

  pool.set_max_workers(8);
  pool.set_min_workers(2);
  EXPECT_EQ(pool.max_workers(), 8);
}

TEST(ReadmeTest, Retries) {
  ThreadPool pool;

  using asyncpal::RetryPolicy;
  const RetryPolicy policy = {.max_attempts = 5,
                              .backoff = absl::Milliseconds(20)};
  Future<std::string> page = pool.SubmitRetrying(policy, Load, "index.html");

  EXPECT_EQ(page.Collect(), "<index.html>");
}

TEST(ReadmeTest, Views) {
  ThreadPool pool;
  int lines = 0;
  int alice = 10;
  int bob = 0;

  using asyncpal::KeyedPool;
  using asyncpal::PoolView;

  PoolView log = pool.Serial("log");        // one at a time, in order
  PoolView disk = pool.Limited(2, "disk");  // two at a time
  log.Post([&lines] { ++lines; });
  Future<std::string> page = disk.Submit(Load, "index.html");

  KeyedPool<std::string> accounts = pool.Keyed<std::string>();
  accounts.Post("alice", [&alice] { alice -= 5; });  // in order for each key,
  accounts.Post("bob", [&bob] { bob += 5; });        // and keys side by side

  EXPECT_EQ(page.Collect(), "<index.html>");
  pool.Join();
  EXPECT_EQ(lines, 1);
  EXPECT_EQ(alice, 5);
  EXPECT_EQ(bob, 5);
}

TEST(ReadmeTest, FutureOfOneTask) {
  ThreadPool pool;

  Future<std::string> page = pool.Submit(Load, "index.html");
  page.AddCallback([](const Future<std::string>& done) {
    std::clog << "loaded: " << done.is_completed() << "\n";
  });
  if (!page.Wait(absl::Seconds(10))) std::clog << "still loading\n";
  std::string text = page.Collect();  // or throws what Load() threw
  absl::StatusOr<std::string> same = page.TryCollect();  // never throws
  Future<size_t> size =
      page.Then([](const std::string& text) { return text.size(); });

  EXPECT_EQ(text, "<index.html>");
  EXPECT_EQ(*same, "<index.html>");
  EXPECT_EQ(size.Collect(), 12);
}

TEST(ReadmeTest, ManyFutures) {
  ThreadPool pool;

  std::vector<Future<std::string>> pages;
  for (const char* name : {"a.html", "b.html", "c.html"}) {
    pages.push_back(pool.Submit(Load, name));
  }
  for (Future<std::string>& done : asyncpal::AsDone(pages)) {
    std::clog << done.Collect() << "\n";  // the first that is done comes first
  }
  std::vector<std::string> texts = asyncpal::Collect(pages, absl::Seconds(10));
  Future<std::vector<std::string>> all = asyncpal::WhenAll(pages);

  EXPECT_THAT(texts, ElementsAre("<a.html>", "<b.html>", "<c.html>"));
  EXPECT_EQ(all.Collect(), texts);
}

Future<size_t> CountBytes(ThreadPool& pool, std::string name) {
  const std::string text = co_await pool.Submit(Load, name);
  co_return text.size();
}

TEST(ReadmeTest, Coroutine) {
  ThreadPool pool;
  EXPECT_EQ(CountBytes(pool, "a.html").Collect(), 8);
}

TEST(ReadmeTest, Maps) {
  ThreadPool pool;

  const std::vector<int> numbers = {1, 2, 3, 4};
  int total = 0;
  for (int square : pool.Map(Square, numbers)) total += square;
  std::vector<int> sums = pool.MapAll({.chunk_size = 2}, Add, numbers, numbers);

  const std::array<std::pair<int, int>, 2> pairs = {{{1, 2}, {3, 4}}};
  for (int sum : pool.StarmapUnordered(Add, pairs)) total += sum;

  EXPECT_EQ(total, 30 + 10);
  EXPECT_THAT(sums, ElementsAre(2, 4, 6, 8));
}

TEST(ReadmeTest, InitializerAndBrokenPool) {
  testing::internal::CaptureStderr();
  ThreadPool pool({
      .name = "queries",
      .initializer = [] { throw std::runtime_error("no database"); },
  });
  try {
    pool.Test();  // one worker's life on trial; the pool stays as it is
  } catch (const asyncpal::InitializerError& error) {
    std::clog << error.what() << "\n";
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("no database"));

  Future<int> answer = pool.Submit([] { return 42; });
  EXPECT_THROW(answer.Collect(), asyncpal::InitializerError);
  EXPECT_THROW(pool.Submit([] {}), asyncpal::BrokenPoolError);
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 1);
}

TEST(ReadmeTest, LogSink) {
  asyncpal::SetLogSink(
      [](asyncpal::LogSeverity severity, std::string_view message) {
        std::clog << (severity == asyncpal::LogSeverity::kError ? "E " : "W ")
                  << message << "\n";
      });
  testing::internal::CaptureStderr();
  {
    ThreadPool pool({.name = "queries"});
    pool.Post([] { throw std::runtime_error("no database"); });
    pool.Join();
  }
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      AllOf(StartsWith("E pool 'queries': posted "), HasSubstr("no database")));
  asyncpal::SetLogSink(nullptr);
}

TEST(ReadmeTest, Cancelling) {
  ThreadPool pool;

  Future<int> laps = pool.Submit([](std::stop_token stop) {
    int count = 0;
    while (!stop.stop_requested()) ++count;
    return count;
  });
  laps.Cancel();  // pending: it never runs; running: its token says stop

  EXPECT_TRUE(laps.Wait(absl::Seconds(10)));
}

TEST(ReadmeTest, Timeout) {
  ThreadPool pool;
  const auto run_laps = [](std::stop_token stop) {
    while (!stop.stop_requested()) {
    }
  };

  Future<void> slow = pool.Submit(
      {.name = "laps", .timeout = absl::Milliseconds(50)}, run_laps);

  EXPECT_EQ(slow.TryCollect().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ReadmeTest, FullPoolRejects) {
  ThreadPool pool({
      .max_workers = 4,
      .max_pending = 1000,
      .when_full = WhenFull::kReject,
  });

  std::promise<void> gate;
  const std::shared_future<void> opened = gate.get_future().share();
  for (int i = 0; i < 4 + 1000; ++i) pool.Post([opened] { opened.wait(); });
  EXPECT_THROW(pool.Submit(Load, "index.html"), asyncpal::RejectedError);
  EXPECT_EQ(pool.Stats().rejected, 1);
  gate.set_value();
}

TEST(ReadmeTest, QueueDeadline) {
  ThreadPool pool;

  const TaskOptions options = {
      .timeout = absl::Seconds(60),
      .queue_deadline = absl::Seconds(10),
  };
  Future<std::string> page = pool.Submit(options, Load, "index.html");

  EXPECT_EQ(page.Collect(), "<index.html>");
}

TEST(ReadmeTest, ProcessPool) {
  const std::vector<int> numbers = {1, 2, 3, 4};
  int total = 0;

  ProcessPool pool({
      .max_workers = 4,  // default: the CPUs
      .name = "codecs",
  });

  Future<std::string> page = pool.Submit(Load, "index.html");
  for (int square : pool.Map(Square, numbers)) total += square;
  int pid = pool.Run([] { return getpid(); });  // not this process's

  EXPECT_EQ(page.Collect(), "<index.html>");
  EXPECT_EQ(total, 30);
  EXPECT_NE(pid, getpid());
}

int Check(int size) {
  if (size == 0) throw std::invalid_argument("empty");
  return size;
}

TEST(GuideTest, MapsThatGoOnAfterFailures) {
  ProcessPool pool(2);
  int total = 0;

  using asyncpal::Settled;
  const std::vector<int> sizes = {100, 0, 250};
  std::vector<int> known =
      pool.MapAll({.on_error = asyncpal::OnError::kSkip}, Check, sizes);

  for (const Settled<int>& size : pool.MapSettled(Check, sizes)) {
    if (size.ok()) {
      total += *size.value;
    } else {
      std::clog << "#" << size.index << ": "
                << asyncpal::ToStatus(size.exception).message() << "\n";
    }
  }

  EXPECT_THAT(known, ElementsAre(100, 250));
  EXPECT_EQ(total, 350);
}

TEST(GuideTest, ProgressBar) {
  ThreadPool pool(2);
  const std::vector<int> numbers = {1, 2, 3, 4};

  using asyncpal::ProgressBar;
  auto bar = std::make_shared<ProgressBar>(
      asyncpal::ProgressBarOptions{.label = "thumbnails", .unit = "files"});
  pool.MapAll({.chunk_size = 10, .progress = bar}, Square, numbers);
}

class Percentage : public asyncpal::MapProgress {
 public:
  void OnChange(const asyncpal::MapState& map) override {
    if (map.total > 0) percent = 100 * map.done / *map.total;
  }
  int64_t percent = 0;
};

TEST(GuideTest, MapProgress) {
  ProcessPool pool(2);
  const auto percentage = std::make_shared<Percentage>();
  pool.MapAll({.progress = percentage}, Square, std::vector<int>{1, 2, 3});
  EXPECT_EQ(percentage->percent, 100);
}

int CallShakyLibrary(int) { std::abort(); }

TEST(ReadmeTest, WorkerLost) {
  testing::internal::CaptureStderr();
  ProcessPool pool(1);

  Future<int> answer = pool.Submit(CallShakyLibrary, 42);
  try {
    answer.Collect();
  } catch (const asyncpal::WorkerLostError& error) {
    std::clog << error.what() << "\n";  // ... was killed by signal 6 (Aborted)
  }

  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("was killed by signal 6 (Aborted)"));
}

void RunLaps() {
  volatile bool done = false;
  while (!done) {
  }
}

TEST(ReadmeTest, ProcessTimeLimitAndKill) {
  ProcessPool pool;

  Future<void> slow = pool.Submit(
      {.timeout = absl::Milliseconds(50), .max_attempts = 3}, RunLaps);
  Future<void> endless = pool.Submit(RunLaps);
  endless.Kill();

  EXPECT_THROW(endless.Collect(absl::Seconds(10)), asyncpal::CancelledError);
  EXPECT_THROW(slow.Collect(absl::Seconds(10)), asyncpal::TimeoutError);
}

int Parse(const std::string& text) { throw ParseError("no number: " + text); }

TEST(ReadmeTest, RemoteException) {
  testing::internal::CaptureStderr();
  ProcessPool pool(1);

  try {
    pool.Run(Parse, "three");
  } catch (const ParseError& error) {
    std::clog << error.what() << "\n"
              << asyncpal::GetRemoteTraceback(std::current_exception());
  }

  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("no number: three"));
}

TEST(ReadmeTest, Codec) {
  ProcessPool pool(1);
  const Point p = pool.Run(
      [](Point a) {
        return Point{a.y, a.x};
      },
      Point{1, 2});
  EXPECT_EQ(p.x, 2);
}

void OpenModel(const std::string&) {}

TEST(ReadmeTest, NamesAndInitializers) {
  ProcessPool pool({.initializer = Shippable(OpenModel, "de.bin")});
  Future<int64_t> fib = pool.Submit(TaskName<int64_t(int64_t)>("math.fib"), 20);

  EXPECT_EQ(fib.Collect(), 6765);
}

TEST(ReadmeTest, Shutdown) {
  ThreadPool pool(1);
  ThreadPool other;
  pool.Post([] {});

  pool.Shutdown({.mode = ShutdownMode::kDrain, .deadline = absl::Seconds(10)});
  for (CancelledTask& task : pool.TakeCancelledTasks()) {
    other.Post(std::move(task));
  }

  EXPECT_TRUE(pool.is_terminated());
  EXPECT_EQ(pool.Stats().completed, 1);
}

TEST(ReadmeTest, GlobalShutdown) {
  GlobalShutdown::SetDeadline(absl::Seconds(10));
  GlobalShutdown::Register([] { std::clog << "bye\n"; });

  EXPECT_GE(GlobalShutdown::CountHandlers(), 1);
}

TEST(ReadmeTest, Stats) {
  ThreadPool pool;
  pool.Run([] {});

  PoolStats stats = pool.Stats();
  std::clog << stats.busy << " of " << stats.workers << " workers busy, "
            << stats.pending << " tasks pending\n";

  EXPECT_EQ(stats.submitted, 1);
}

TEST(GuideTest, SeeingWhatPoolsDo) {
  ThreadPool pool(2);
  pool.Submit(TaskOptions{.name = "resize"}, Square, 12).Collect();
  int64_t pending = 0;
  Pool::ForEach([&](Pool& visited) { pending += visited.Stats().pending; });
  EXPECT_EQ(pending, 0);
  const std::string body = asyncpal::PrometheusText();
  // Content-Type: text/plain; version=0.0.4
  EXPECT_THAT(body, HasSubstr(",outcome=\"completed\"} 1\n"));
}

class SlowTasks : public asyncpal::PoolObserver {
  void OnDone(const asyncpal::TaskReport& task) override {
    if (task.ran > absl::Seconds(1)) std::cerr << task.name << " was slow\n";
  }
};

TEST(GuideTest, ObservingPools) {
  ThreadPool watched({.observer = std::make_shared<SlowTasks>()});
  watched.Run([] {});
  EXPECT_EQ(watched.Stats().completed, 1);
  ThreadPool patient({.stall_threshold = absl::Minutes(5)});
  ThreadPool measured({.histograms = true});
  measured.Run([] {});
  const DurationHistogram waits = measured.Stats().wait;
  EXPECT_EQ(std::accumulate(waits.counts.begin(), waits.counts.end(), 0), 1);
}

TEST(GuideTest, TasksKnowThemselves) {
  ThreadPool pool(2);
  Future<void> render = pool.Submit([] {
    const TaskContext* task = TaskContext::Current();
    for (int i = 1; i <= 100; ++i) {
      task->ReportProgress(i / 100.0, "line " + std::to_string(i));
    }
  });
  if (auto progress = render.progress())
    std::cerr << progress->fraction << '\n';
  render.Collect();
  ::testing::internal::CaptureStderr();
  {
    const TraceparentScope scope(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    pool.Submit(
        [] { std::cerr << TaskContext::Current()->traceparent() << '\n'; });
  }
  pool.Join();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), StartsWith("00-0af7"));
}

TEST(GuideTest, Tracing) {
  const std::string folder = ::testing::TempDir();
  ASSERT_EQ(chdir(folder.c_str()), 0);
  ThreadPool pool(2);
  Trace::Start("run.json");
  pool.Submit(TaskOptions{.name = "resize"}, Square, 12).Collect();
  Trace::Stop();
  std::ifstream file("run.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, HasSubstr("resize"));
}

}  // namespace
