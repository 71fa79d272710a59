#include "asyncpal/pool/internal/trace_log.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kPid = 10;
constexpr int64_t kMain = 10;
constexpr int64_t kWorker = 11;

class TraceLogTest : public ::testing::Test {
 protected:
  static TracedTask Task(uint64_t id, std::string_view name = "") {
    return {.pool = 1, .id = id, .pool_name = "p", .name = name};
  }
  std::string Finish(int64_t now) {
    log_.Finish(now);
    return log_.TakeText();
  }
  static int Count(const std::string& text, std::string_view what) {
    int count = 0;
    for (size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + 1)) {
      ++count;
    }
    return count;
  }

  const TraceLane main_ = {.pid = kPid, .tid = kMain, .name = "main"};
  const TraceLane worker_ = {.pid = kPid, .tid = kWorker, .name = "p-1"};
  TraceLog log_{kPid, "program"};
};

TEST_F(TraceLogTest, AnEmptyTraceNamesTheProgram) {
  EXPECT_EQ(Finish(0),
            "[\n{\"ph\":\"M\",\"pid\":10,\"tid\":0,\"name\":\"process_name\","
            "\"args\":{\"name\":\"program\"}}\n]\n");
}

TEST_F(TraceLogTest, ARunIsASliceWithAWaitAndAFlow) {
  log_.OnSubmit(Task(7, "n"), main_, 1000);
  log_.OnStart(Task(7, "n"), worker_, kWorker, 1, 2500);
  log_.OnOutcome(Task(7, "n"), "completed", 3001);
  log_.OnRunEnd(Task(7, "n"), 3002);
  const std::string text = Finish(4000);
  EXPECT_THAT(text, HasSubstr("{\"ph\":\"s\",\"pid\":10,\"tid\":10,"
                              "\"ts\":1.000,\"id\":1,"));
  EXPECT_THAT(text, HasSubstr("{\"ph\":\"b\",\"pid\":10,\"tid\":0,\"ts\":1.000,"
                              "\"id\":\"0x1\""));
  EXPECT_THAT(text, HasSubstr("{\"ph\":\"e\",\"pid\":10,\"tid\":0,\"ts\":2.500,"
                              "\"id\":\"0x1\""));
  EXPECT_THAT(text, HasSubstr("{\"ph\":\"B\",\"pid\":10,\"tid\":11,"
                              "\"ts\":2.500,\"cat\":\"task\",\"name\":\"n\""));
  EXPECT_THAT(text, HasSubstr("{\"ph\":\"f\",\"pid\":10,\"tid\":11,"
                              "\"ts\":2.500,\"id\":1,\"bp\":\"e\""));
  EXPECT_THAT(text, HasSubstr("{\"ph\":\"E\",\"pid\":10,\"tid\":11,"
                              "\"ts\":3.002,\"name\":\"n\",\"args\":"
                              "{\"outcome\":\"completed\"}}"));
}

TEST_F(TraceLogTest, ATaskThatNeverRunsHasAWaitOnly) {
  log_.OnSubmit(Task(7), main_, 1000);
  log_.OnOutcome(Task(7), "cancelled", 2000);
  const std::string text = Finish(3000);
  EXPECT_THAT(text, HasSubstr("\"then\":\"cancelled\""));
  EXPECT_EQ(Count(text, "\"ph\":\"e\""), 1);
  EXPECT_EQ(Count(text, "\"ph\":\"B\""), 0);
}

TEST_F(TraceLogTest, ASubmissionBeforeTheTraceIsARunWithoutAFlow) {
  log_.OnStart(Task(7), worker_, kWorker, 1, 1000);
  log_.OnRunEnd(Task(7), 2000);
  const std::string text = Finish(3000);
  EXPECT_THAT(text, HasSubstr("\"name\":\"task 7\""));
  EXPECT_THAT(text, Not(HasSubstr("\"ph\":\"f\"")));
}

TEST_F(TraceLogTest, EachAttemptIsASlice) {
  log_.OnSubmit(Task(7), main_, 1000);
  log_.OnStart(Task(7), worker_, kMain, 1, 2000);
  log_.OnNextAttempt(Task(7), {.pid = 12, .tid = 12, .name = "p-1"}, kMain, 2,
                     3000);
  log_.OnOutcome(Task(7), "completed", 4000);
  log_.OnRunEnd(Task(7), 4000);
  const std::string text = Finish(5000);
  EXPECT_THAT(text, HasSubstr("\"outcome\":\"lost\""));
  EXPECT_THAT(text, HasSubstr("\"attempt\":2"));
  EXPECT_EQ(Count(text, "\"ph\":\"B\""), 2);
  EXPECT_EQ(Count(text, "\"ph\":\"E\""), 2);
  EXPECT_EQ(Count(text, "\"ph\":\"f\""), 1);
}

TEST_F(TraceLogTest, RunsOfOneThreadNest) {
  log_.OnStart(Task(1, "outer"), worker_, kWorker, 1, 1000);
  log_.OnStart(Task(2, "inner"), worker_, kWorker, 1, 2000);
  log_.OnRunEnd(Task(2, "inner"), 3000);
  log_.OnRunEnd(Task(1, "outer"), 4000);
  EXPECT_EQ(Count(Finish(5000), "\"tid\":11,\"ts\""), 4);
}

TEST_F(TraceLogTest, ASecondThreadAtTheSameLaneGetsOneBesideIt) {
  log_.OnStart(Task(1), worker_, kWorker, 1, 1000);
  log_.OnStart(Task(2), worker_, kMain, 1, 2000);
  log_.OnRunEnd(Task(1), 3000);
  log_.OnRunEnd(Task(2), 4000);
  const std::string text = Finish(5000);
  EXPECT_THAT(text, HasSubstr("p-1 (beside)"));
  EXPECT_EQ(Count(text, "\"tid\":11,\"ts\""), 2);
}

TEST_F(TraceLogTest, WhatRunsAndWaitsEndsWithTheTrace) {
  log_.OnSubmit(Task(1), main_, 1000);
  log_.OnSubmit(Task(2), main_, 1500);
  log_.OnStart(Task(1), worker_, kWorker, 1, 2000);
  const std::string text = Finish(5000);
  EXPECT_THAT(text, HasSubstr("\"then\":\"pending\""));
  EXPECT_THAT(text, HasSubstr("\"ts\":5.000,\"name\":\"task 1\",\"args\":"
                              "{\"outcome\":\"running\"}}"));
}

TEST_F(TraceLogTest, InnerRunsEndBeforeOuterOnesWithTheTrace) {
  log_.OnStart(Task(2, "outer"), worker_, kWorker, 1, 1000);
  log_.OnStart(Task(1, "inner"), worker_, kWorker, 1, 2000);
  log_.OnStart(Task(3, "innermost"), worker_, kWorker, 1, 3000);
  const std::string text = Finish(5000);
  const std::string end = "\"ts\":5.000,\"name\":\"";
  EXPECT_LT(text.find(end + "innermost"), text.find(end + "inner\""));
  EXPECT_LT(text.find(end + "inner\""), text.find(end + "outer"));
}

TEST_F(TraceLogTest, AProcessIsNamedOnce) {
  const TraceLane process = {
      .pid = 12, .tid = 12, .name = "p-1", .process_name = "p-1 of pool 'p'"};
  log_.OnWorker(process, "worker started", "", 1000);
  log_.OnWorker(process, "worker ended", "it was killed", 2000);
  const std::string text = Finish(3000);
  EXPECT_EQ(Count(text, "p-1 of pool 'p'"), 1);
  EXPECT_THAT(text, HasSubstr("\"ph\":\"i\""));
  EXPECT_THAT(text, HasSubstr("\"why\":\"it was killed\""));
}

TEST_F(TraceLogTest, AWorkerThatSubmitsKeepsItsWholeName) {
  const TraceLane worker = {
      .pid = kPid, .tid = kWorker, .name = "threads-worker-1"};
  const TraceLane thread = {
      .pid = kPid, .tid = kWorker, .name = "threads-worker-"};
  log_.OnStart(Task(7), worker, kWorker, 1, 1000);
  log_.OnSubmit(Task(8), thread, 1500);
  log_.OnRunEnd(Task(7), 2000);
  // Another thread has got its number.
  log_.OnSubmit(Task(9), {.pid = kPid, .tid = kWorker, .name = "main"}, 2500);
  const std::string text = Finish(3000);
  EXPECT_EQ(Count(text, "{\"name\":\"threads-worker-1\"}"), 1);
  EXPECT_EQ(Count(text, "{\"name\":\"threads-worker-\"}"), 0);
  EXPECT_EQ(Count(text, "{\"name\":\"main\"}"), 1);
}

TEST_F(TraceLogTest, NamesAreEscaped) {
  log_.OnStart(Task(1, "a\"b\\c\nd\xff"), worker_, kWorker, 1, 1000);
  EXPECT_THAT(Finish(2000),
              HasSubstr("\"name\":\"a\\\"b\\\\c\\u000ad\xef\xbf\xbd\""));
}

}  // namespace
}  // namespace asyncpal::internal
