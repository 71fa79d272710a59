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
Program WornOut() {
  return {.tasks = {kPlain, kMeets, kMeets},
          .submitters = {{0, 1}, {2}},
          .worn_out = true};
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
          .worn_out = true};
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
        Case{"TimeOuts", TimeOuts}, Case{"WornOut", WornOut},
        Case{"FailingStarts", FailingStarts}, Case{"StandIns", StandIns},
        Case{"FailingStandIns", FailingStandIns},
        Case{"FailingReplacements", FailingReplacements},
        Case{"EndlessStart", EndlessStart}, Case{"NoStarts", NoStarts},
        Case{"ThreeWorkers", Three}, Case{"ThreeThatTimeOut", ThreeThatTimeOut},
        Case{"ThreeThatFail", ThreeThatFail}, Case{"OneIsWoken", OneIsWoken},
        Case{"OneWorkerThatFails", OneWorkerThatFails}),
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
  EXPECT_THAT(Find(Fault::kRetiresWithoutSuccessor, WornOut()),
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
  EXPECT_THAT(Find(Fault::kRaisesTheFlagWithoutPassing, WornOut()),
              HasSubstr("sees no flag"));
}

TEST(SeededFault, FailedStartThatRaisesNoFlagIsFound) {
  EXPECT_THAT(Find(Fault::kFailedStartRaisesNoFlag, OneWorkerThatFails()),
              HasSubstr("is not done"));
}

TEST(SeededFault, SearchThatEndsWithoutASuccessorIsFoundWhereOneIsWoken) {
  EXPECT_THAT(Find(Fault::kSearchEndsWithoutSuccessor, OneIsWoken()),
              HasSubstr("a task waits beside"));
}

}  // namespace
}  // namespace asyncpal::internal::explorer
