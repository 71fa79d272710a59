#include "asyncpal/pool/internal/shutdown_registry.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/log.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;
using testing::Notification;

TEST(ShutdownRegistry, RunsEachHandlerOnce) {
  ShutdownRegistry registry;
  std::atomic<int> runs = 0;
  for (int i = 0; i < 5; ++i) {
    registry.Register([&](absl::Duration) { ++runs; });
  }
  registry.Run();
  registry.Run();
  EXPECT_EQ(runs, 5);
}

TEST(ShutdownRegistry, DoesNotRunADeregisteredHandler) {
  ShutdownRegistry registry;
  std::atomic<int> runs = 0;
  const auto id = registry.Register([&](absl::Duration) { ++runs; });
  EXPECT_TRUE(registry.Deregister(id));
  registry.Run();
  EXPECT_EQ(runs, 0);
}

TEST(ShutdownRegistry, DeregisterReturnsFalseForAnUnknownId) {
  ShutdownRegistry registry;
  EXPECT_FALSE(registry.Deregister(42));
  EXPECT_FALSE(registry.Deregister(0));
}

TEST(ShutdownRegistry, DeregisterReturnsFalseForAHandlerThatRan) {
  ShutdownRegistry registry;
  const auto id = registry.Register([](absl::Duration) {});
  registry.Run();
  EXPECT_FALSE(registry.Deregister(id));
}

TEST(ShutdownRegistry, IdsAreNeverZeroNorUsedTwice) {
  ShutdownRegistry registry;
  const auto first = registry.Register([](absl::Duration) {});
  registry.Deregister(first);
  const auto second = registry.Register([](absl::Duration) {});
  EXPECT_NE(first, 0u);
  EXPECT_NE(second, 0u);
  EXPECT_NE(first, second);
}

TEST(ShutdownRegistry, HandlerThatThrowsIsReported) {
  ShutdownRegistry registry;
  registry.Register([](absl::Duration) { throw std::runtime_error("bad"); });
  ::testing::internal::CaptureStderr();
  registry.Run();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("bad"));
}

TEST(ShutdownRegistry, HandlerThatThrowsStopsNoOther) {
  ShutdownRegistry registry;
  std::atomic<int> runs = 0;
  registry.Register([&](absl::Duration) { ++runs; });
  registry.Register([](absl::Duration) { throw 42; });
  registry.Register([&](absl::Duration) { ++runs; });
  ::testing::internal::CaptureStderr();
  registry.Run();
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(runs, 2);
}

TEST(ShutdownRegistry, HandlersRunBesideEachOther) {
  ShutdownRegistry registry;
  Notification first;
  Notification second;
  std::atomic<bool> met = true;
  registry.Register([&](absl::Duration) {
    first.Notify();
    if (!second.Wait()) met = false;
  });
  registry.Register([&](absl::Duration) {
    second.Notify();
    if (!first.Wait()) met = false;
  });
  registry.SetDeadline(absl::Seconds(50));
  registry.Run();
  EXPECT_TRUE(met);
}

TEST(ShutdownRegistry, LeavesAHungHandlerBehindAtTheDeadline) {
  struct Shared {
    Notification go_on;
    Notification gone;
  };
  auto shared = std::make_shared<Shared>();
  ShutdownRegistry registry;
  registry.SetDeadline(absl::Milliseconds(20));
  registry.Register([shared](absl::Duration) {
    shared->go_on.Wait();
    shared->gone.Notify();
  });
  std::string said;
  SetLogSink([&](LogSeverity severity, std::string_view message) {
    EXPECT_EQ(severity, LogSeverity::kWarning);
    said = message;
  });
  registry.Run();
  SetLogSink(nullptr);
  EXPECT_EQ(said,
            "1 shutdown handler(s) did not return in 20ms and were left "
            "behind");
  shared->go_on.Notify();
  EXPECT_TRUE(shared->gone.Wait());
}

TEST(ShutdownRegistry, TellsHandlersLessThanTheDeadline) {
  ShutdownRegistry registry;
  absl::Duration limit = absl::ZeroDuration();
  registry.SetDeadline(absl::Seconds(10));
  registry.Register([&](absl::Duration told) { limit = told; });
  registry.Run();
  EXPECT_EQ(limit, absl::Seconds(9));
}

TEST(ShutdownRegistry, InfiniteDeadlineWaitsForEveryHandler) {
  ShutdownRegistry registry;
  std::atomic<bool> ran = false;
  registry.SetDeadline(absl::InfiniteDuration());
  registry.Register([&](absl::Duration) { ran = true; });
  registry.Run();
  EXPECT_TRUE(ran);
}

TEST(ShutdownRegistry, HandlerRegisteredAfterRunRunsAtOnce) {
  ShutdownRegistry registry;
  registry.Run();
  bool ran = false;
  registry.Register([&](absl::Duration) { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(ShutdownRegistry, HandlerRegisteredByAHandlerRunsAtOnce) {
  ShutdownRegistry registry;
  std::atomic<bool> ran = false;
  registry.Register([&](absl::Duration) {
    registry.Register([&](absl::Duration) { ran = true; });
  });
  registry.Run();
  EXPECT_TRUE(ran);
}

TEST(ShutdownRegistry, HandlerMayDeregisterAnother) {
  ShutdownRegistry registry;
  std::atomic<bool> answered = false;
  const auto other = registry.Register([](absl::Duration) {});
  registry.Register([&](absl::Duration) {
    registry.Deregister(other);
    answered = true;
  });
  registry.Run();
  EXPECT_TRUE(answered);
}

TEST(ShutdownRegistry, SecondRunWaitsForTheFirst) {
  ShutdownRegistry registry;
  Notification running;
  Notification go_on;
  std::atomic<bool> ran = false;
  registry.SetDeadline(absl::Seconds(50));
  registry.Register([&](absl::Duration) {
    running.Notify();
    go_on.Wait();
    ran = true;
  });
  std::jthread first([&] { registry.Run(); });
  ASSERT_TRUE(running.Wait());
  std::atomic<bool> ran_before_the_end = false;
  std::jthread second([&] {
    registry.Run();
    ran_before_the_end = ran.load();
  });
  go_on.Notify();
  second.join();
  EXPECT_TRUE(ran_before_the_end);
}

TEST(ShutdownRegistry, RunInAHandlerReturnsByTheDeadline) {
  ShutdownRegistry registry;
  std::atomic<bool> returned = false;
  registry.SetDeadline(absl::Milliseconds(200));
  registry.Register([&](absl::Duration) {
    registry.Run();
    returned = true;
  });
  ::testing::internal::CaptureStderr();
  std::jthread([&] { registry.Run(); }).join();
  ::testing::internal::GetCapturedStderr();
  // The handler's own wait ends a moment after the deadline at most.
  const Notification never;
  while (!returned) never.Wait(absl::Milliseconds(1));
}

TEST(ShutdownRegistry, IsActiveFromTheStartOfRun) {
  ShutdownRegistry registry;
  EXPECT_FALSE(registry.IsActive());
  std::atomic<bool> active = false;
  registry.Register([&](absl::Duration) { active = registry.IsActive(); });
  registry.Run();
  EXPECT_TRUE(active);
  EXPECT_TRUE(registry.IsActive());
}

TEST(ShutdownRegistry, CountsRegisteredHandlers) {
  ShutdownRegistry registry;
  EXPECT_EQ(registry.CountHandlers(), 0);
  const auto id = registry.Register([](absl::Duration) {});
  registry.Register([](absl::Duration) {});
  EXPECT_EQ(registry.CountHandlers(), 2);
  registry.Deregister(id);
  EXPECT_EQ(registry.CountHandlers(), 1);
  registry.Run();
  EXPECT_EQ(registry.CountHandlers(), 0);
}

TEST(ShutdownRegistry, DropsWhatAHandlerHoldsBeforeRunReturns) {
  ShutdownRegistry registry;
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  registry.Register([capture = std::move(capture)](absl::Duration) {});
  registry.Run();
  EXPECT_TRUE(weak.expired());
}

TEST(ShutdownRegistry, DeregisterDropsWhatTheHandlerHolds) {
  ShutdownRegistry registry;
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  registry.Deregister(
      registry.Register([capture = std::move(capture)](absl::Duration) {}));
  EXPECT_TRUE(weak.expired());
}

}  // namespace
}  // namespace asyncpal::internal
