#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/pool.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Notification;

std::vector<std::string> VisitedNames() {
  std::vector<std::string> names;
  Pool::ForEach([&names](Pool& pool) { names.push_back(pool.name()); });
  return names;
}

TEST(PoolVisitTest, VisitsNobodyWhereThereIsNoPool) {
  EXPECT_THAT(VisitedNames(), IsEmpty());
}

TEST(PoolVisitTest, VisitsPoolsOfBothKindsInTheOrderOfTheirMaking) {
  ThreadPool first({.name = "first"});
  ProcessPool second({.name = "second"});
  ThreadPool third({.name = "third"});
  EXPECT_THAT(VisitedNames(), ElementsAre("first", "second", "third"));
}

TEST(PoolVisitTest, VisitsAPoolUntilItIsDestroyed) {
  std::optional<ThreadPool> pool(std::in_place, PoolOptions{.name = "p"});
  pool->Shutdown();
  EXPECT_THAT(VisitedNames(), ElementsAre("p"));
  pool.reset();
  EXPECT_THAT(VisitedNames(), IsEmpty());
}

TEST(PoolVisitTest, LetsAVisitorUseThePool) {
  ThreadPool pool({.name = "p"});
  int answer = 0;
  Pool::ForEach([&](Pool& visited) {
    EXPECT_EQ(&visited, &pool);
    answer =
        static_cast<ThreadPool&>(visited).Submit([] { return 42; }).Collect();
  });
  EXPECT_EQ(answer, 42);
}

TEST(PoolVisitTest, DestructorWaitsForAVisitor) {
  auto pool = std::make_unique<ThreadPool>(PoolOptions{.name = "p"});
  Notification inside;
  Notification destroying;
  std::thread destroyer([&] {
    ASSERT_TRUE(inside.Wait());
    destroying.Notify();
    pool.reset();
  });
  Pool::ForEach([&](Pool& visited) {
    inside.Notify();
    ASSERT_TRUE(destroying.Wait());
    // AddressSanitizer sees it if the other thread was faster.
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(visited.name(), "p");
      std::this_thread::yield();
    }
  });
  destroyer.join();
  EXPECT_THAT(VisitedNames(), IsEmpty());
}

TEST(PoolVisitTest, LetsAVisitorMakeAndDestroyOtherPools) {
  ThreadPool first({.name = "first"});
  auto second = std::make_unique<ThreadPool>(PoolOptions{.name = "second"});
  std::unique_ptr<ThreadPool> third;
  std::vector<std::string> names;
  Pool::ForEach([&](Pool& pool) {
    names.push_back(pool.name());
    if (&pool != &first) return;
    second.reset();
    third = std::make_unique<ThreadPool>(PoolOptions{.name = "third"});
  });
  EXPECT_THAT(names, ElementsAre("first", "third"));
}

TEST(PoolVisitTest, PassesOnWhatAVisitorThrowsAndLetsGoOfThePool) {
  auto pool = std::make_unique<ThreadPool>(PoolOptions{.name = "p"});
  EXPECT_THROW(Pool::ForEach([](Pool&) { throw std::runtime_error("enough"); }),
               std::runtime_error);
  pool.reset();  // would hang if the visitor counted as inside
}

TEST(PoolVisitTest, VisitorsMayVisit) {
  ThreadPool pool({.name = "p"});
  std::vector<std::string> names;
  Pool::ForEach([&](Pool&) { names = VisitedNames(); });
  EXPECT_THAT(names, ElementsAre("p"));
}

// The parent's pools have no threads there, and one of them a visitor that
// never leaves.
TEST(PoolVisitTest, AForkedChildHasPoolsOfItsOwnOnly) {
  ThreadPool pool({.name = "parent's"});
  Notification inside;
  Notification leave;
  std::thread visitor([&] {
    Pool::ForEach([&](Pool&) {
      inside.Notify();
      ASSERT_TRUE(leave.Wait());
    });
  });
  ASSERT_TRUE(inside.Wait());
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    bool only_its_own = VisitedNames().empty();
    {
      ThreadPool own({.name = "child's"});
      only_its_own &= VisitedNames() == std::vector<std::string>{"child's"};
    }
    only_its_own &= VisitedNames().empty();
    _exit(only_its_own ? 0 : 1);
  }
  leave.Notify();
  visitor.join();
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace asyncpal
