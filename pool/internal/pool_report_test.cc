#include "asyncpal/pool/internal/pool_report.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::string Dump(const std::vector<PoolReport>& pools) {
  const absl::TimeZone zone = absl::UTCTimeZone();
  return FormatAsDump(
      pools, absl::FromCivil(absl::CivilSecond(2026, 11, 30, 13, 45, 10), zone),
      zone);
}

TEST(FormatAsDumpTest, IsEmptyWhereThereIsNoPool) {
  EXPECT_THAT(Dump({}), IsEmpty());
}

TEST(FormatAsDumpTest, TellsWhatEachWorkerRuns) {
  const std::vector<std::string> lines = LinesOf(
      Dump({{.id = 2,
             .name = "p",
             .kind = PoolKind::kProcesses,
             .max_workers = 2,
             .stats = {.workers = 2, .busy = 1, .pending = 5},
             .workers = {{.info = {.name = "p-worker-1",
                                   .pid = 4711,
                                   .busy = true,
                                   .tasks_done = 3,
                                   .current_task = "resize",
                                   .running_for = absl::Milliseconds(2500)},
                          .task_id = 7,
                          .age = absl::Seconds(90)},
                         {.info = {.name = "p-worker-2"}}}}}));
  EXPECT_THAT(
      lines,
      ElementsAre(
          AllOf(StartsWith("pool 'p' (id 2, processes): "),
                HasSubstr("2 of 2 workers, 1 busy"), HasSubstr("5 pending")),
          "  p-worker-1 (4711), 1m30s old: runs task 7 \"resize\" since "
          "13:45:07.500, for 2.5s, 3 done",
          "  p-worker-2, 0 old: idle, 0 done"));
}

TEST(FormatAsDumpTest, TellsHowManyOfThePendingOnesAreForLater) {
  EXPECT_THAT(Dump({{.stats = {.pending = 5, .delayed = 3}}}),
              HasSubstr("tasks: 5 pending (3 delayed), 0 running"));
}

TEST(FormatAsDumpTest, TaskWithoutANameHasItsNumber) {
  EXPECT_THAT(
      Dump({{.workers = {{.info = {.busy = true, .current_task = "task 7"},
                          .task_id = 7}}}}),
      HasSubstr("runs task 7 since"));
}

TEST(FormatAsDumpTest, TellsTheHeadOfTheQueue) {
  const std::vector<std::string> lines = LinesOf(Dump(
      {{.stats = {.pending = 5},
        .head = {
            {.id = 8, .name = "resize", .waited = absl::Milliseconds(1200)},
            {.id = 9}}}}));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("5 pending"),
                                 "  pending: task 8 \"resize\" for 1.2s",
                                 "  pending: task 9", "  pending: 3 more"));
}

TEST(FormatAsDumpTest, TellsWhichPoolsAreClosedOrBroken) {
  EXPECT_THAT(LinesOf(Dump({{.name = "open"},
                            {.name = "closed", .is_closed = true},
                            {.name = "broken", .is_broken = true}})),
              ElementsAre(HasSubstr("'open' (id 0, threads)"),
                          HasSubstr("'closed' (id 0, threads, closed)"),
                          HasSubstr("'broken' (id 0, threads, broken)")));
}

}  // namespace
}  // namespace asyncpal::internal
