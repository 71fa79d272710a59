#include "asyncpal/pool/internal/wakeup_explorer.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal::explorer {
namespace {

using ::testing::HasSubstr;

constexpr Task kPlain = {};
constexpr Task kMeets = {.kind = Task::kMeets};
constexpr Task WaitsFor(int8_t other) {
  return {.kind = Task::kWaitsFor, .other = other};
}

// The programs, each the smallest that shows something.
Program Barrier() {
  return {.tasks = {kMeets, kMeets, kPlain}, .submitters = {{0, 1}, {2}}};
}
Program BarrierOfIdle() {
  Program program = Barrier();
  program.idle_at_first = 2;
  return program;
}
Program TimeOuts() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{0, 1}, {2}},
          .idle_at_first = 1,
          .workers_time_out = true};
}
Program OneTaskEach() {
  return {.tasks = {kPlain, kMeets, kMeets},
          .submitters = {{0, 1}, {2}},
          .one_task_each = true};
}
Program FailingStarts() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{0, 1}, {2}},
          .failing_starts = 2};
}
Program NoStarts() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{0, 1}, {2}},
          .idle_at_first = 1,
          .failing_starts = 9,
          .starts_always_fail = true};
}
Program StandIns() {
  return {.max_workers = 1,
          .tasks = {WaitsFor(1), WaitsFor(2), kPlain},
          .submitters = {{0, 1}, {2}}};
}
Program FailingStandIns() {
  Program program = StandIns();
  program.failing_starts = 2;
  return program;
}
Program FailingReplacements() {
  return {.tasks = {WaitsFor(2), kPlain, kPlain},
          .submitters = {{0, 1, 2}},
          .failing_starts = 1,
          .one_task_each = true};
}
Program EndlessStart() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{0, 1}, {2}},
          .endless_start = 2};
}
Program Three() {
  return {.max_workers = 3,
          .tasks = {kMeets, kMeets, kMeets, kPlain},
          .submitters = {{0, 1}, {2, 3}},
          .idle_at_first = 2};
}
// One at a time is woken, and has to see to the others.
Program OneIsWoken() {
  Program program = Three();
  program.max_waking = 1;
  return program;
}
Program OneWorkerThatFails() {
  return {.max_workers = 1,
          .tasks = {kPlain, kPlain, kPlain},
          .submitters = {{0, 1}, {2}},
          .failing_starts = 2};
}
Program ThreeThatTimeOut() {
  return {.max_workers = 3,
          .tasks = {kPlain, kMeets, kMeets},
          .submitters = {{0, 1, 2}},
          .idle_at_first = 2,
          .workers_time_out = true};
}
Program ThreeThatFail() {
  return {.max_workers = 3,
          .tasks = {WaitsFor(1), kPlain, kPlain},
          .submitters = {{0, 1}, {2}},
          .failing_starts = 2};
}

constexpr Task kUrgent = {.is_urgent = true};
Program TwoClasses() {
  return {.tasks = {kPlain, kUrgent, kUrgent},
          .submitters = {{0, 1}, {2}},
          .idle_at_first = 2};
}
// Each goes after a task, while others come and the pool is paused.
Program TwoClassesOneTaskEach() {
  return {.tasks = {kPlain, kUrgent, kPlain},
          .submitters = {{0, 1}, {2}},
          .one_task_each = true,
          .pauses = 1};
}
Program Pauses() {
  return {.tasks = {kPlain, kUrgent, kPlain},
          .submitters = {{0, 1}, {2}},
          .idle_at_first = 2,
          .pauses = 2};
}
// The first worker that is started will not come.
Program PausedEndlessStart() {
  return {.tasks = {kPlain, kPlain},
          .submitters = {{0, 1}},
          .endless_start = 1,
          .pauses = 1};
}

struct Case {
  const char* name;
  Program (*make)();
};

class WakeupExplorer : public ::testing::TestWithParam<Case> {};

TEST_P(WakeupExplorer, NoTaskWaitsInVain) {
  Explorer explorer(GetParam().make());
  EXPECT_EQ(explorer.Explore(), "");
  RecordProperty("states", static_cast<int>(explorer.states()));

  EXPECT_GT(explorer.states(), 100u);
}

INSTANTIATE_TEST_SUITE_P(
    , WakeupExplorer,
    ::testing::Values(
        Case{"Barrier", Barrier}, Case{"BarrierOfIdleWorkers", BarrierOfIdle},
        Case{"TimeOuts", TimeOuts}, Case{"OneTaskEach", OneTaskEach},
        Case{"FailingStarts", FailingStarts}, Case{"StandIns", StandIns},
        Case{"FailingStandIns", FailingStandIns},
        Case{"FailingReplacements", FailingReplacements},
        Case{"EndlessStart", EndlessStart}, Case{"NoStarts", NoStarts},
        Case{"ThreeWorkers", Three}, Case{"ThreeThatTimeOut", ThreeThatTimeOut},
        Case{"ThreeThatFail", ThreeThatFail}, Case{"OneIsWoken", OneIsWoken},
        Case{"OneWorkerThatFails", OneWorkerThatFails},
        Case{"TwoClasses", TwoClasses},
        Case{"TwoClassesOneTaskEach", TwoClassesOneTaskEach},
        Case{"Pauses", Pauses}, Case{"PausedEndlessStart", PausedEndlessStart}),
    [](const auto& info) { return std::string(info.param.name); });

// What the walk says of `program` with that fault in it.
std::string Find(Fault fault, Program program) {
  program.fault = fault;
  return Explorer(std::move(program)).Explore();
}

TEST(SeededFault, SearchThatEndsWithoutASuccessorIsFound) {
  EXPECT_THAT(Find(Fault::kSearchEndsWithoutSuccessor, BarrierOfIdle()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, ParkingWithoutALookIsFound) {
  EXPECT_THAT(Find(Fault::kParksWithoutALook, Barrier()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, RetiringWithoutASuccessorIsFound) {
  EXPECT_THAT(Find(Fault::kRetiresWithoutSuccessor, OneTaskEach()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, CountingOnStartingWorkersBesideIdleOnesIsFound) {
  EXPECT_THAT(Find(Fault::kStartingCountsBesideIdle, EndlessStart()),
              HasSubstr("a task waits beside an idle worker"));
}

TEST(SeededFault, FailedStartThatIsForgottenIsFound) {
  EXPECT_THAT(Find(Fault::kFailedStartIsForgotten, NoStarts()),
              HasSubstr("gets no thread"));
}

TEST(SeededFault, BlockingWithoutALookIsFound) {
  EXPECT_THAT(Find(Fault::kBlocksWithoutALook, StandIns()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, FailedStandInThatIsNotTriedAgainIsFound) {
  EXPECT_THAT(Find(Fault::kFailedStandInIsNotTriedAgain, FailingStandIns()),
              HasSubstr("is not done"));
}

TEST(SeededFault, LastActiveWorkerThatLeavesIsFoundUnlessThoseThatWaitLook) {
  EXPECT_EQ(Find(Fault::kLastActiveWorkerLeaves, FailingReplacements()), "");
  EXPECT_THAT(
      Find(Fault::kLastActiveWorkerLeavesForGood, FailingReplacements()),
      HasSubstr("is not done"));
}

TEST(SeededFault, FlagThatIsReadOutsideOfTheSectionIsFound) {
  EXPECT_THAT(Find(Fault::kFlagIsReadOutsideOfTheSection, TimeOuts()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, FlagThatIsRaisedWithoutPassingIsFound) {
  EXPECT_THAT(Find(Fault::kRaisesTheFlagWithoutPassing, StandIns()),
              HasSubstr("sees no flag"));
  EXPECT_THAT(Find(Fault::kRaisesTheFlagWithoutPassing, OneTaskEach()),
              HasSubstr("sees no flag"));
}

TEST(SeededFault, FailedStartThatRaisesNoFlagIsFound) {
  EXPECT_THAT(Find(Fault::kFailedStartRaisesNoFlag, OneWorkerThatFails()),
              HasSubstr("is not done"));
}

TEST(SeededFault, ClassThatIsForgottenIsFound) {
  EXPECT_THAT(Find(Fault::kClassIsForgotten, TwoClasses()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, ResumeThatWakesOneIsFound) {
  EXPECT_THAT(Find(Fault::kResumeWakesOne, PausedEndlessStart()),
              HasSubstr("a task waits beside room for a worker"));
}

TEST(SeededFault, PauseThatIsReadOutsideOfTheLockIsFound) {
  EXPECT_THAT(Find(Fault::kPauseIsReadOutsideOfTheLock, Pauses()),
              HasSubstr("a task waits beside"));
}

TEST(SeededFault, SearchThatEndsWithoutASuccessorIsFoundWhereOneIsWoken) {
  EXPECT_THAT(Find(Fault::kSearchEndsWithoutSuccessor, OneIsWoken()),
              HasSubstr("a task waits beside"));
}

}  // namespace
}  // namespace asyncpal::internal::explorer
