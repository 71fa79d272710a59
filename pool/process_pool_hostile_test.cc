#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Workers that say what no worker should: testing/fake_worker.cc, which is
// another program, speaks the protocol by hand.

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::ListChildren;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

// What the fake worker takes for a task; it sends the arguments back.
const TaskName<std::string(std::string)> kEcho("echo");
const TaskName<void()> kNothing("nothing");

ProcessPoolOptions FakeWorkers(const std::string& mode, int max_workers = 1) {
  return {.max_workers = max_workers,
          .worker_command = {"pool/testing/fake_worker", mode},
          .handshake_timeout = kLong};
}

std::string CauseOfBreaking(ProcessPool& pool) {
  try {
    pool.Submit(kNothing).Collect(kLong);
  } catch (const BrokenPoolError& error) {
    return error.what();
  } catch (const std::exception& error) {
    return absl::StrCat("another error: ", error.what());
  }
  return "not broken";
}

TEST(ProcessPoolHostile, FakeWorkerThatIsHonestWorks) {
  ProcessPool pool(FakeWorkers("honest", 2));
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 50; ++i) {
    futures.push_back(pool.Submit(kEcho, std::to_string(i)));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(futures[i].Collect(kLong), std::to_string(i));
  }
  EXPECT_EQ(pool.Stats().lost, 0);
}

// --- In the handshake ---

TEST(ProcessPoolHostile, MissingHandshakeBreaksThePoolInTime) {
  for (const char* const mode : {"silent", "half a header"}) {
    ProcessPoolOptions options = FakeWorkers(mode);
    options.handshake_timeout = absl::Milliseconds(100);
    ProcessPool pool(std::move(options));
    EXPECT_THAT(CauseOfBreaking(pool),
                AllOf(HasSubstr("no worker process can be started"),
                      HasSubstr("sent no handshake within 100ms")))
        << mode;
    EXPECT_TRUE(pool.is_broken());
  }
  EXPECT_TRUE(Eventually([] { return ListChildren(getpid()).empty(); }));
}

TEST(ProcessPoolHostile, ShutdownNeedNotWaitForAHandshake) {
  ProcessPool pool(FakeWorkers("silent"));
  auto future = pool.Submit(kNothing);
  ASSERT_TRUE(Eventually([] { return !ListChildren(getpid()).empty(); }));
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kKill}));
  EXPECT_TRUE(future.is_cancelled());
  EXPECT_TRUE(pool.is_terminated());
}

TEST(ProcessPoolHostile, AnotherProtocolBreaksThePool) {
  ProcessPool pool(FakeWorkers("another protocol"));
  EXPECT_THAT(CauseOfBreaking(pool), HasSubstr("frame"));
}

TEST(ProcessPoolHostile, AnotherBeginningBreaksThePool) {
  ProcessPool pool(FakeWorkers("ready at once"));
  EXPECT_THAT(CauseOfBreaking(pool), HasSubstr("sent no handshake"));
}

TEST(ProcessPoolHostile, AnotherVersionIsRefusedWithBoth) {
  ProcessPool pool(FakeWorkers("version 99"));
  EXPECT_THAT(CauseOfBreaking(pool),
              AllOf(HasSubstr("speaks version 99"), HasSubstr("version 1;")));
  EXPECT_EQ(pool.Stats().completed, 0);
}

TEST(ProcessPoolHostile, AnotherProgramGetsNoAddresses) {
  ProcessPool pool(FakeWorkers("honest"));
  auto future = pool.Submit([](std::string text) { return text; }, "text");
  try {
    future.Collect(kLong);
    FAIL() << "nothing was thrown";
  } catch (const SerializationError& error) {
    // "fake", and what this program has.
    EXPECT_THAT(error.what(), AllOf(HasSubstr("build-id 66616b65"),
                                    HasSubstr("this one has ")));
  }
  EXPECT_EQ(pool.Submit(kEcho, "next").Collect(kLong), "next");
}

// --- Instead of a result ---

struct Violation {
  const char* mode;
  const char* message;
};

class ProcessPoolViolation : public ::testing::TestWithParam<Violation> {};

TEST_P(ProcessPoolViolation, CostsItsTaskAndTheWorker) {
  ProcessPool pool(FakeWorkers(GetParam().mode));
  const WorkerLostError loss = CollectLoss(pool.Submit(kEcho, "text"));
  EXPECT_THAT(loss.what(), HasSubstr(GetParam().message));
  pool.Submit(kNothing).Collect(kLong);
  EXPECT_EQ(pool.Stats().lost, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Kind, ProcessPoolViolation,
    ::testing::Values(Violation{"result of the future",
                                "a result of a task that it does not"},
                      Violation{"second handshake", "sent what is no result"},
                      Violation{"garbage", "frame"},
                      Violation{"huge body", "9223372036854775808"},
                      Violation{"half a result", "exited with code 0"},
                      Violation{"unknown file", "a file that no worker has"},
                      Violation{"missing memfd", "without its descriptor"},
                      Violation{"memfd beyond the limit", "too large"}));

// As far as one can tell, it was the task that has made the worker do so.
TEST(ProcessPoolHostile, ViolationsFailTheirTasksAndDoNotBreakThePool) {
  ProcessPool pool(FakeWorkers("garbage"));
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < 15; ++i) futures.push_back(pool.Submit(kEcho, "text"));
  for (const auto& future : futures) {
    ASSERT_TRUE(future.Wait(kLong));
    EXPECT_TRUE(future.is_failed());
  }
  EXPECT_FALSE(pool.is_broken());
}

TEST(ProcessPoolHostile, SecondResultOfATaskIsIgnored) {
  ProcessPool pool(FakeWorkers("result twice"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(pool.Submit(kEcho, std::to_string(i)).Collect(kLong),
              std::to_string(i));
    EXPECT_EQ(pool.Run(kEcho, "run"), "run");
  }
  EXPECT_EQ(pool.Stats().completed, 40);
  EXPECT_EQ(pool.Stats().lost, 0);
}

TEST(ProcessPoolHostile, ResultOfAnOldTaskIsIgnored) {
  ProcessPool pool(FakeWorkers("result of the past first"));
  EXPECT_EQ(pool.Submit(kEcho, "text").Collect(kLong), "text");
  EXPECT_EQ(pool.Run(kEcho, "text"), "text");
  EXPECT_EQ(pool.Stats().lost, 0);
}

TEST(ProcessPoolHostile, ResultThatEndsTooEarlyFailsItsTaskAlone) {
  ProcessPool pool(FakeWorkers("short memfd"));
  EXPECT_THROW(pool.Submit(kEcho, "text").Collect(kLong), SerializationError);
  pool.Submit(kNothing).Collect(kLong);
  EXPECT_EQ(pool.Stats().lost, 0);
}

// What is read is copied before it is believed.
TEST(ProcessPoolHostile, ResultThatChangesWhileItIsReadFailsItsTaskAtMost) {
  ProcessPool pool(FakeWorkers("changing result"));
  int unread = 0;
  for (int i = 0; i < 200; ++i) {
    try {
      pool.Submit(kEcho, "text").Collect(kLong);
    } catch (const SerializationError&) {
      ++unread;
    }
  }
  EXPECT_GT(unread, 0) << "nothing has changed";
  pool.Submit(kNothing).Collect(kLong);
  EXPECT_EQ(pool.Stats().lost, 0);
}

// --- Workers that die without a task ---

TEST(HostileWorker, ThatDiesBeforeItBeginsAgainAndAgainBreaksThePool) {
  ProcessPool pool(FakeWorkers("ends before it begins"));
  EXPECT_THAT(CauseOfBreaking(pool),
              AllOf(HasSubstr("more than 8 worker processes died within 5s"),
                    HasSubstr("max_restarts")));
}

TEST(HostileWorker, ThatDiesBeforeItBeginsMayDoSoAsOftenAsItIsTold) {
  auto options = FakeWorkers("ends before it begins");
  options.max_restarts = 2;
  options.restart_window = absl::InfiniteDuration();
  ProcessPool pool(std::move(options));
  EXPECT_THAT(CauseOfBreaking(pool), HasSubstr("more than 2 worker processes"));
}

}  // namespace
}  // namespace asyncpal
