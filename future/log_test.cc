#include "asyncpal/future/log.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::Log;
using ::testing::ElementsAre;
using testing::Notification;
using ::testing::Pair;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// Leaves no sink to the next test.
class LogSink : public ::testing::Test {
 protected:
  ~LogSink() override { SetLogSink(nullptr); }
};

TEST_F(LogSink, GetsMessagesInPlaceOfStderr) {
  std::vector<std::pair<LogSeverity, std::string>> messages;
  SetLogSink([&](LogSeverity severity, std::string_view message) {
    messages.emplace_back(severity, message);
  });
  CaptureStderr();
  Log(LogSeverity::kWarning, "a pool may wait for itself:\n  'one'");
  internal::LogFailure("a callback threw",
                       std::make_exception_ptr(Error("no such file")));
  EXPECT_EQ(GetCapturedStderr(), "");
  EXPECT_THAT(
      messages,
      ElementsAre(
          Pair(LogSeverity::kWarning, "a pool may wait for itself:\n  'one'"),
          Pair(LogSeverity::kError,
               "a callback threw: asyncpal::Error: no such file")));
}

TEST_F(LogSink, IsStderrWhereThereIsNone) {
  SetLogSink([](LogSeverity, std::string_view) {});
  SetLogSink(nullptr);
  CaptureStderr();
  Log(LogSeverity::kInfo, "all is well");
  EXPECT_EQ(GetCapturedStderr(), "asyncpal: all is well\n");
}

TEST_F(LogSink, ThatThrowsIsToldOfOnStderrWithTheMessage) {
  SetLogSink([](LogSeverity, std::string_view) {
    throw std::runtime_error("disk full");
  });
  CaptureStderr();
  Log(LogSeverity::kError, "a callback threw");
  EXPECT_EQ(GetCapturedStderr(),
            "asyncpal: the log sink threw: std::runtime_error: disk full\n"
            "asyncpal: a callback threw\n");
}

TEST_F(LogSink, IsNotCalledFromWithinItself) {
  int calls = 0;
  SetLogSink([&](LogSeverity severity, std::string_view) {
    ++calls;
    Log(severity, "from within");
  });
  CaptureStderr();
  Log(LogSeverity::kError, "first");
  Log(LogSeverity::kError, "second");
  EXPECT_EQ(GetCapturedStderr(),
            "asyncpal: from within\nasyncpal: from within\n");
  EXPECT_EQ(calls, 2);
}

TEST_F(LogSink, IsCalledBySeveralThreadsAtOnce) {
  std::atomic<int> inside{0};
  Notification all_inside;
  SetLogSink([&](LogSeverity, std::string_view) {
    if (++inside == 2) all_inside.Notify();
    EXPECT_TRUE(all_inside.Wait());
  });
  std::thread other([] { Log(LogSeverity::kInfo, "one"); });
  Log(LogSeverity::kInfo, "two");
  other.join();
  EXPECT_EQ(inside, 2);
}

TEST_F(LogSink, IsNoLongerCalledAndDestroyedOnceItIsReplaced) {
  Notification entered;
  std::atomic<bool> is_over{false};
  auto owned = std::make_shared<int>();
  const std::weak_ptr<int> observed = owned;
  SetLogSink([&, owned = std::move(owned)](LogSeverity, std::string_view) {
    entered.Notify();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    is_over = true;
  });
  std::thread other([] { Log(LogSeverity::kInfo, "slow"); });
  ASSERT_TRUE(entered.Wait());
  SetLogSink(nullptr);
  EXPECT_TRUE(is_over);
  other.join();
  EXPECT_TRUE(observed.expired());
}

TEST_F(LogSink, MayReplaceItself) {
  std::vector<std::string> messages;
  auto second = [&](LogSeverity, std::string_view message) {
    messages.emplace_back(message);
  };
  SetLogSink([&](LogSeverity, std::string_view) { SetLogSink(second); });
  Log(LogSeverity::kInfo, "for the first");
  Log(LogSeverity::kInfo, "for the second");
  EXPECT_THAT(messages, ElementsAre("for the second"));
}

TEST_F(LogSink, OfAForkedChildWaitsForNoThreadOfItsParent) {
  Notification entered;
  Notification may_end;
  SetLogSink([&](LogSeverity, std::string_view) {
    entered.Notify();
    may_end.Wait();
  });
  std::thread other([] { Log(LogSeverity::kInfo, "long"); });
  ASSERT_TRUE(entered.Wait());
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    SetLogSink([](LogSeverity, std::string_view) { _exit(17); });
    Log(LogSeverity::kInfo, "in the child");
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 17) << status;
  may_end.Notify();
  other.join();
}

}  // namespace
}  // namespace asyncpal
