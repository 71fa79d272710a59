#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

// A program that forks without exec while it has pools: in the child their
// threads are gone, and whatever lock was held is held for ever.

namespace asyncpal {
namespace {

using testing::kDeadline;
using testing::Notification;

// A child that hangs is ended by a signal after so many seconds.
constexpr unsigned kChildLimit = 20;

// Runs `in_child` in a forked child, which must end it: success if it called
// _exit(0) or exit(0).
template <typename F>
::testing::AssertionResult ForkAndRun(F in_child) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(kChildLimit);
    in_child();
    _exit(1);
  }
  if (pid < 0) return ::testing::AssertionFailure() << "fork: " << errno;
  int status = -1;
  while (waitpid(pid, &status, 0) != pid) {
    if (errno != EINTR) {
      return ::testing::AssertionFailure() << "waitpid: " << errno;
    }
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "the child ended with " << status;
}

// Ends the child, well if `condition` holds.
void ExitIf(bool condition) { _exit(condition ? 0 : 1); }

template <typename F>
bool ThrowsClosedPoolError(F f) {
  try {
    f();
  } catch (const ClosedPoolError&) {
    return true;
  }
  return false;
}

TEST(ThreadPoolFork, GenerationChangesInTheChild) {
  const int64_t mine = internal::ForkGeneration();
  EXPECT_TRUE(ForkAndRun([&] { ExitIf(internal::ForkGeneration() != mine); }));
}

TEST(ThreadPoolFork, GenerationOfTheParentStays) {
  const int64_t mine = internal::ForkGeneration();
  EXPECT_TRUE(ForkAndRun([&] { ExitIf(true); }));
  EXPECT_EQ(internal::ForkGeneration(), mine);
}

TEST(ThreadPoolFork, ChildsSubmissionIsRefused) {
  ThreadPool pool(2);
  pool.Run([] {});
  EXPECT_TRUE(ForkAndRun(
      [&] { ExitIf(ThrowsClosedPoolError([&] { pool.Submit([] {}); })); }));
}

TEST(ThreadPoolFork, ChildsCheckThrows) {
  ThreadPool pool(2);
  pool.Run([] {});
  EXPECT_TRUE(ForkAndRun(
      [&] { ExitIf(ThrowsClosedPoolError([&] { pool.Check(); })); }));
}

TEST(ThreadPoolFork, ChildsShutdownReturnsFalseAtOnce) {
  ThreadPool pool(2);
  pool.Run([] {});
  EXPECT_TRUE(ForkAndRun([&] { ExitIf(!pool.Shutdown()); }));
}

TEST(ThreadPoolFork, ChildMayDestroyThePool) {
  auto pool = std::make_unique<ThreadPool>(2);
  pool->Run([] {});
  EXPECT_TRUE(ForkAndRun([&] {
    pool.reset();
    ExitIf(true);
  }));
}

TEST(ThreadPoolFork, ChildMayDestroyAPoolWithBusyWorkers) {
  Notification started;
  Notification go_on;
  auto pool = std::make_unique<ThreadPool>(2);
  pool->Post([&] {
    started.Notify();
    go_on.Wait();
  });
  ASSERT_TRUE(started.Wait());
  pool->Submit([] {});
  EXPECT_TRUE(ForkAndRun([&] {
    pool.reset();
    ExitIf(true);
  }));
  go_on.Notify();
}

TEST(ThreadPoolFork, ParentGoesOn) {
  ThreadPool pool(2);
  pool.Run([] {});
  EXPECT_TRUE(ForkAndRun([&] { ExitIf(true); }));
  EXPECT_EQ(pool.Submit([] { return 7; }).Collect(kDeadline), 7);
}

#if !ASYNCPAL_TSAN  // it allows no threads in such a child

TEST(ThreadPoolFork, ChildMayMakeAPoolOfItsOwn) {
  ThreadPool pool(2);
  pool.Run([] {});
  EXPECT_TRUE(ForkAndRun([] {
    ThreadPool own(2);
    ExitIf(own.Submit([] { return 7; }).Collect(kDeadline) == 7);
  }));
}

#endif

#if !ASYNCPAL_TSAN && !ASYNCPAL_ASAN

TEST(ThreadPoolFork, ChildMayExit) {
  ThreadPool pool(2);
  pool.Run([] {});
  EXPECT_TRUE(ForkAndRun([] { std::exit(0); }));
}

TEST(ThreadPoolFork, TaskMayForkAChildThatExits) {
  ThreadPool pool(2);
  EXPECT_TRUE(pool.Submit([] { return bool(ForkAndRun([] { std::exit(0); })); })
                  .Collect(kDeadline));
}

// Fault 81. Whatever lock another thread holds at that moment, the child must
// not wait for it.
TEST(ThreadPoolFork, ChildOfABusyProgramFindsItsPoolsInert) {
  std::atomic<bool> stop = false;
  auto pool = std::make_unique<ThreadPool>(2);
  std::vector<std::jthread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!stop) {
        pool->Run([] {});
        pool->Stats();
      }
    });
  }
  auto all_ended = ::testing::AssertionSuccess();
  for (int i = 0; i < 100 && all_ended; ++i) {
    all_ended = ForkAndRun([&] {
      const bool refused =
          ThrowsClosedPoolError([&] { pool->Submit([] {}); }) &&
          ThrowsClosedPoolError([&] { pool->Check(); }) &&
          ThrowsClosedPoolError([&] { pool->Join(); }) &&
          ThrowsClosedPoolError([&] { pool->SpawnWorkers(1); });
      const bool inert = pool->is_closed() && pool->CountWorkers() == 0 &&
                         pool->Workers().empty();
      pool.reset();
      ExitIf(refused && inert);
    });
  }
  stop = true;
  EXPECT_TRUE(all_ended);
}

TEST(ThreadPoolFork, ChildOfAProgramThatMakesPoolsMayExit) {
  std::atomic<bool> stop = false;
  std::vector<std::jthread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!stop) ThreadPool pool(1);
    });
  }
  auto all_ended = ::testing::AssertionSuccess();
  for (int i = 0; i < 100 && all_ended; ++i) {
    all_ended = ForkAndRun([] { std::exit(0); });
  }
  stop = true;
  EXPECT_TRUE(all_ended);
}

#endif

}  // namespace
}  // namespace asyncpal
