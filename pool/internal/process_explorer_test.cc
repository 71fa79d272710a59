#include "asyncpal/pool/internal/process_explorer.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal::explorer {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

using How = ProcessProgram::How;

constexpr bool kPlain = false;
constexpr bool kMeets = true;

// The programs, each the smallest that shows something.
ProcessProgram Prefetching() {
  return {.tasks = {kPlain, kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}, {3}}},
          .idle_at_first = 2};
}
ProcessProgram ManyPrefetched() {
  ProcessProgram program = Prefetching();
  program.max_workers = 1;
  program.idle_at_first = 0;
  program.is_quick = true;
  return program;
}
// Two meet, and a worker that is busy with another at first is to have one.
ProcessProgram Meeting() {
  return {.tasks = {kPlain, kMeets, kMeets},
          .submitters = {{{0}, {1}, {2}}},
          .idle_at_first = 2};
}
ProcessProgram MeetingOfNewWorkers() {
  ProcessProgram program = Meeting();
  program.idle_at_first = 0;
  return program;
}
ProcessProgram MeetingWithAWaiter() {
  return {.tasks = {kPlain, kMeets, kMeets},
          .submitters = {{{0, How::kSubmitAndWait}}, {{1}, {2}}},
          .idle_at_first = 1};
}
ProcessProgram MeetingThatIsClosed() {
  ProcessProgram program = MeetingOfNewWorkers();
  program.closing = ProcessProgram::kDrain;
  return program;
}
ProcessProgram MeetingAfterADeath() {
  return {.tasks = {kPlain, kMeets, kMeets},
          .submitters = {{{0}, {1}, {2}}},
          .idle_at_first = 2,
          .deaths = 1};
}
ProcessProgram Cancelling() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .cancelled = {1, 2},
          .idle_at_first = 1};
}
ProcessProgram Dying() {
  return {.max_workers = 1,
          .tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .deaths = 2,
          .is_quick = true};
}
ProcessProgram DyingBesideAnother() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .idle_at_first = 1,
          .deaths = 1};
}
ProcessProgram Waiting() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0, How::kSubmitAndWait}},
                         {{1, How::kSubmitThenWait}, {2}}},
          .idle_at_first = 1};
}
ProcessProgram WaitingForOneThatDies() {
  return {
      .max_workers = 1,
      .tasks = {kPlain, kPlain},
      .submitters = {{{0, How::kSubmitAndWait}}, {{1, How::kSubmitThenWait}}},
      .idle_at_first = 1,
      .deaths = 1};
}
ProcessProgram TimeOuts() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .idle_at_first = 2,
          .time_outs = 1};
}
ProcessProgram OneTaskEach() {
  return {.tasks = {kPlain, kMeets, kMeets},
          .submitters = {{{0}, {1}, {2}}},
          .idle_at_first = 1,
          .one_task_each = true};
}
ProcessProgram Draining() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0, How::kSubmitAndWait}}, {{1}, {2}}},
          .idle_at_first = 1,
          .closing = ProcessProgram::kDrain};
}
ProcessProgram CancellingAll() {
  ProcessProgram program = Prefetching();
  program.max_workers = 1;
  program.idle_at_first = 1;
  program.closing = ProcessProgram::kCancel;
  return program;
}

ProcessProgram Pausing() {
  return {.tasks = {kPlain, kPlain},
          .submitters = {{{0}, {1}}},
          .idle_at_first = 2,
          .pauses = 1};
}
ProcessProgram PausingManyPrefetched() {
  return {.max_workers = 1,
          .tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .is_quick = true,
          .pauses = 1};
}
ProcessProgram PausingBesideADeath() {
  ProcessProgram program = PausingManyPrefetched();
  program.deaths = 1;
  return program;
}
ProcessProgram PausingThatIsClosed() {
  ProcessProgram program = PausingManyPrefetched();
  program.closing = ProcessProgram::kDrain;
  return program;
}
ProcessProgram Classes() {
  return {.max_workers = 1,
          .tasks = {kPlain, kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}, {{3}}},
          .is_quick = true,
          .classes = {2, 2, 2, 4}};
}
ProcessProgram ClassesOfTwoWorkers() {
  return {.tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .idle_at_first = 1,
          .classes = {2, 1, 3}};
}
ProcessProgram ClassesThatPause() {
  return {.max_workers = 1,
          .tasks = {kPlain, kPlain, kPlain},
          .submitters = {{{0}, {1}, {2}}},
          .is_quick = true,
          .classes = {2, 2, 4},
          .pauses = 1};
}

struct Case {
  const char* name;
  ProcessProgram (*make)();
};

class ProcessExplorerTest : public ::testing::TestWithParam<Case> {};

TEST_P(ProcessExplorerTest, NoTaskWaitsInVainOrRunsTwice) {
  ProcessExplorer explorer(GetParam().make());
  EXPECT_EQ(explorer.Explore(), "");
  RecordProperty("states", static_cast<int>(explorer.states()));
  EXPECT_GT(explorer.states(), 100u);
}

INSTANTIATE_TEST_SUITE_P(
    , ProcessExplorerTest,
    ::testing::Values(
        Case{"Prefetching", Prefetching},
        Case{"ManyPrefetched", ManyPrefetched}, Case{"Meeting", Meeting},
        Case{"MeetingOfNewWorkers", MeetingOfNewWorkers},
        Case{"MeetingWithAWaiter", MeetingWithAWaiter},
        Case{"MeetingThatIsClosed", MeetingThatIsClosed},
        Case{"MeetingAfterADeath", MeetingAfterADeath},
        Case{"Cancelling", Cancelling}, Case{"Dying", Dying},
        Case{"DyingBesideAnother", DyingBesideAnother},
        Case{"Waiting", Waiting},
        Case{"WaitingForOneThatDies", WaitingForOneThatDies},
        Case{"TimeOuts", TimeOuts}, Case{"OneTaskEach", OneTaskEach},
        Case{"Draining", Draining}, Case{"CancellingAll", CancellingAll},
        Case{"Pausing", Pausing},
        Case{"PausingManyPrefetched", PausingManyPrefetched},
        Case{"PausingBesideADeath", PausingBesideADeath},
        Case{"PausingThatIsClosed", PausingThatIsClosed},
        Case{"Classes", Classes},
        Case{"ClassesOfTwoWorkers", ClassesOfTwoWorkers},
        Case{"ClassesThatPause", ClassesThatPause}),
    [](const auto& info) { return std::string(info.param.name); });

// What the walk says of `program` with that fault in it.
std::string Find(ProcessFault fault, ProcessProgram program) {
  program.fault = fault;
  return ProcessExplorer(std::move(program)).Explore();
}

// --- Prefetched tasks ---

TEST(SeededProcessFault, ParkingBesidePrefetchedTasksIsFound) {
  EXPECT_THAT(Find(ProcessFault::kParksBesidePrefetched, MeetingOfNewWorkers()),
              HasSubstr("task 1 is not done"));
}

TEST(SeededProcessFault, LeavingBesidePrefetchedTasksIsFound) {
  EXPECT_THAT(Find(ProcessFault::kLeavesBesidePrefetched, DyingBesideAnother()),
              HasSubstr("waits beside room for a worker"));
}

TEST(SeededProcessFault, PrefetchingBesideAWorkerThatGoesIsFound) {
  EXPECT_THAT(Find(ProcessFault::kPrefetchesBesideOneWhoGoes, TimeOuts()),
              HasSubstr("waits beside room for a worker"));
}

TEST(SeededProcessFault, RevocationOfWhatHasBegunIsFound) {
  EXPECT_THAT(Find(ProcessFault::kRevokesWithoutThePage, Prefetching()),
              HasSubstr("begun twice"));
}

// --- Processes that die ---

TEST(SeededProcessFault, ForgettingWhatADeadProcessHadPrefetchedIsFound) {
  EXPECT_THAT(Find(ProcessFault::kDeathForgetsPrefetched, Dying()),
              HasSubstr("task 1 waits beside room for a worker"));
}

TEST(SeededProcessFault, FailingWhatADeadProcessHadNotBegunIsFound) {
  EXPECT_THAT(Find(ProcessFault::kDeathFailsPrefetched, Dying()),
              HasSubstr("lost that had not begun"));
}

TEST(SeededProcessFault, RunningAgainWhatADeadProcessHadBegunIsFound) {
  EXPECT_THAT(Find(ProcessFault::kRunsAgainAfterADeath, Dying()),
              HasSubstr("begun twice"));
}

// --- Borrowed slots ---

TEST(SeededProcessFault, WaiterThatParksBesidePrefetchedTasksIsFound) {
  EXPECT_THAT(
      Find(ProcessFault::kWaiterParksBesidePrefetched, MeetingWithAWaiter()),
      HasSubstr("task 1 is not done"));
}

TEST(SeededProcessFault, SlotThatIsReturnedInSilenceIsFound) {
  EXPECT_THAT(
      Find(ProcessFault::kReturnsSlotInSilence, WaitingForOneThatDies()),
      HasSubstr("is not done"));
}

TEST(SeededProcessFault, NeglectedSlotThatIsForgottenIsFound) {
  EXPECT_THAT(Find(ProcessFault::kNeglectedSlotIsForgotten, Waiting()),
              AnyOf(HasSubstr("is not done"), HasSubstr("waits beside")));
}

// --- Closing ---

TEST(SeededProcessFault, ClosingThatWakesNobodyIsFound) {
  EXPECT_THAT(Find(ProcessFault::kCloseWakesNobody, Draining()),
              HasSubstr("has a worker at the end"));
}

TEST(SeededProcessFault, RevokingNothingOnceClosedIsFound) {
  EXPECT_THAT(
      Find(ProcessFault::kRevokesNothingOnceClosed, MeetingThatIsClosed()),
      AnyOf(HasSubstr("is not done"), HasSubstr("waits beside")));
}

TEST(SeededProcessFault, CancellingThatLeavesPrefetchedTasksIsFound) {
  EXPECT_THAT(Find(ProcessFault::kCloseLeavesPrefetched, CancellingAll()),
              HasSubstr("after all that were pending were cancelled"));
}

// --- Pauses and classes ---

TEST(SeededProcessFault, PauseThatLeavesPrefetchedTasksIsFound) {
  EXPECT_THAT(
      Find(ProcessFault::kPauseLeavesPrefetched, PausingManyPrefetched()),
      HasSubstr("begins in a pause"));
}

TEST(SeededProcessFault, ResumeThatWakesNobodyIsFound) {
  EXPECT_THAT(Find(ProcessFault::kResumeWakesNobody, Pausing()),
              HasSubstr("waits beside"));
}

TEST(SeededProcessFault, PrefetchingBesideAHigherClassIsFound) {
  EXPECT_THAT(Find(ProcessFault::kPrefetchesBesideAHigherClass, Classes()),
              HasSubstr("before one of a higher class"));
}

}  // namespace
}  // namespace asyncpal::internal::explorer
