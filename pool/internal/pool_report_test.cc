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

// The lines of the metric, without what explains it.
std::vector<std::string> SeriesOf(const std::string& metric,
                                  const std::vector<PoolReport>& pools) {
  std::vector<std::string> series;
  for (const std::string& line : LinesOf(FormatAsMetrics(pools))) {
    if (line.starts_with(metric + "{")) series.push_back(line);
  }
  return series;
}

TEST(FormatAsMetricsTest, ExplainsEachMetricBeforeItsSeries) {
  std::string explained;
  for (const std::string& line : LinesOf(FormatAsMetrics({PoolReport{}}))) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (line.starts_with("# HELP ")) {
      explained = words[2];
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_EQ(words[2], explained);
    } else {
      EXPECT_EQ(line.substr(0, line.find('{')), explained);
    }
  }
}

TEST(FormatAsMetricsTest, OnlyCountersEndInTotal) {
  for (const std::string& line : LinesOf(FormatAsMetrics({}))) {
    if (!line.starts_with("# TYPE ")) continue;
    EXPECT_EQ(line.ends_with(" counter"), line.find("_total ") != line.npos)
        << line;
  }
}

TEST(FormatAsMetricsTest, HasWhatThePoolHas) {
  const std::vector<PoolReport> pools = {
      {.id = 7,
       .name = "p",
       .kind = PoolKind::kProcesses,
       .max_workers = 4,
       .stats = {.workers = 3,
                 .busy = 2,
                 .idle = 1,
                 .submitted = 21,
                 .pending = 5,
                 .running = 2,
                 .completed = 9,
                 .failed = 4,
                 .cancelled = 1,
                 .lost = 3,
                 .rejected = 6,
                 .stalls = 8,
                 .expired = 10,
                 .timed_out = 11,
                 .workers_started = 12,
                 .workers_lost = 13,
                 .oldest_pending = absl::Milliseconds(1500),
                 .delayed = 3,
                 .retried = 14}}};
  const std::string labels = "{pool=\"p\",id=\"7\",kind=\"processes\"";
  const auto is = [&labels](const std::string& further, const auto& value) {
    return testing::ResultOf(
        [](const std::string& line) { return line.substr(line.find('{')); },
        absl::StrCat(labels, further, "} ", value));
  };
  EXPECT_THAT(SeriesOf("asyncpal_pool_max_workers", pools),
              ElementsAre(is("", 4)));
  EXPECT_THAT(SeriesOf("asyncpal_pool_workers", pools),
              ElementsAre(is(",state=\"busy\"", 2), is(",state=\"idle\"", 1)));
  EXPECT_THAT(
      SeriesOf("asyncpal_pool_tasks", pools),
      ElementsAre(is(",state=\"pending\"", 2), is(",state=\"delayed\"", 3),
                  is(",state=\"running\"", 2)));
  EXPECT_THAT(SeriesOf("asyncpal_tasks_submitted_total", pools),
              ElementsAre(is("", 21)));
  EXPECT_THAT(
      SeriesOf("asyncpal_tasks_total", pools),
      ElementsAre(is(",outcome=\"completed\"", 9), is(",outcome=\"failed\"", 4),
                  is(",outcome=\"cancelled\"", 1)));
  EXPECT_THAT(SeriesOf("asyncpal_tasks_lost_total", pools),
              ElementsAre(is("", 3)));
  EXPECT_THAT(SeriesOf("asyncpal_tasks_rejected_total", pools),
              ElementsAre(is("", 6)));
  EXPECT_THAT(SeriesOf("asyncpal_pool_stalls_total", pools),
              ElementsAre(is("", 8)));
  EXPECT_THAT(SeriesOf("asyncpal_tasks_expired_total", pools),
              ElementsAre(is("", 10)));
  EXPECT_THAT(SeriesOf("asyncpal_tasks_timed_out_total", pools),
              ElementsAre(is("", 11)));
  EXPECT_THAT(SeriesOf("asyncpal_tasks_retried_total", pools),
              ElementsAre(is("", 14)));
  EXPECT_THAT(SeriesOf("asyncpal_workers_started_total", pools),
              ElementsAre(is("", 12)));
  EXPECT_THAT(SeriesOf("asyncpal_workers_lost_total", pools),
              ElementsAre(is("", 13)));
  EXPECT_THAT(SeriesOf("asyncpal_pool_oldest_pending_seconds", pools),
              ElementsAre(is("", "1.5")));
}

TEST(FormatAsMetricsTest, HistogramsCountUpToEachBound) {
  const PoolReport pool = {
      .id = 7,
      .name = "p",
      .stats = {.wait = {.bounds = {absl::Microseconds(1), absl::Seconds(2)},
                         .counts = {3, 0, 4},
                         .sum = absl::Milliseconds(12500)}}};
  const std::string labels = "pool=\"p\",id=\"7\",kind=\"threads\"";
  const std::string name = "asyncpal_task_wait_seconds";
  EXPECT_THAT(SeriesOf(name + "_bucket", {pool}),
              ElementsAre(name + "_bucket{" + labels + ",le=\"1e-06\"} 3",
                          name + "_bucket{" + labels + ",le=\"2\"} 3",
                          name + "_bucket{" + labels + ",le=\"+Inf\"} 7"));
  EXPECT_THAT(SeriesOf(name + "_sum", {pool}),
              ElementsAre(name + "_sum{" + labels + "} 12.5"));
  EXPECT_THAT(SeriesOf(name + "_count", {pool}),
              ElementsAre(name + "_count{" + labels + "} 7"));
}

TEST(FormatAsMetricsTest, PoolWithoutHistogramsHasNoSeriesOfThem) {
  EXPECT_THAT(SeriesOf("asyncpal_task_run_seconds_count", {PoolReport{}}),
              IsEmpty());
}

TEST(FormatAsMetricsTest, TellsPoolsOfOneNameApart) {
  EXPECT_THAT(SeriesOf("asyncpal_pool_max_workers",
                       {{.id = 1, .name = "p"}, {.id = 2, .name = "p"}}),
              ElementsAre(HasSubstr("pool=\"p\",id=\"1\""),
                          HasSubstr("pool=\"p\",id=\"2\"")));
}

TEST(FormatAsMetricsTest, EscapesNames) {
  EXPECT_THAT(
      SeriesOf("asyncpal_pool_max_workers", {{.name = "a \"b\"\\c\nd"}}),
      ElementsAre(HasSubstr("pool=\"a \\\"b\\\"\\\\c\\nd\",")));
}

TEST(FormatAsMetricsTest, HasNoBytesThatAreNotUtf8) {
  EXPECT_THAT(SeriesOf("asyncpal_pool_max_workers", {{.name = "a\xff"
                                                              "b"}}),
              ElementsAre(HasSubstr("pool=\"a\xef\xbf\xbd"
                                    "b\"")));
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
