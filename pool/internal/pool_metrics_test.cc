#include "asyncpal/pool/internal/pool_metrics.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::string Format(const std::vector<PoolReport>& pools) {
  return FormatAsText(DescribeAsMetrics(pools));
}

// The lines of the metric, without what explains it.
std::vector<std::string> SeriesOf(const std::string& metric,
                                  const std::vector<PoolReport>& pools) {
  std::vector<std::string> series;
  for (const std::string& line : LinesOf(Format(pools))) {
    if (line.starts_with(metric + "{")) series.push_back(line);
  }
  return series;
}

TEST(PoolMetricsTest, ExplainsEachMetricBeforeItsSeries) {
  std::string explained;
  for (const std::string& line : LinesOf(Format({PoolReport{}}))) {
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

TEST(PoolMetricsTest, OnlyCountersEndInTotal) {
  for (const std::string& line : LinesOf(Format({}))) {
    if (!line.starts_with("# TYPE ")) continue;
    EXPECT_EQ(line.ends_with(" counter"), line.find("_total ") != line.npos)
        << line;
  }
}

TEST(PoolMetricsTest, HasWhatThePoolHas) {
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

TEST(PoolMetricsTest, HistogramsCountUpToEachBound) {
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

TEST(PoolMetricsTest, PoolWithoutHistogramsHasNoSeriesOfThem) {
  EXPECT_THAT(SeriesOf("asyncpal_task_run_seconds_count", {PoolReport{}}),
              IsEmpty());
}

TEST(PoolMetricsTest, TellsPoolsOfOneNameApart) {
  EXPECT_THAT(SeriesOf("asyncpal_pool_max_workers",
                       {{.id = 1, .name = "p"}, {.id = 2, .name = "p"}}),
              ElementsAre(HasSubstr("pool=\"p\",id=\"1\""),
                          HasSubstr("pool=\"p\",id=\"2\"")));
}

TEST(PoolMetricsTest, EscapesNames) {
  EXPECT_THAT(
      SeriesOf("asyncpal_pool_max_workers", {{.name = "a \"b\"\\c\nd"}}),
      ElementsAre(HasSubstr("pool=\"a \\\"b\\\"\\\\c\\nd\",")));
}

TEST(PoolMetricsTest, HasNoBytesThatAreNotUtf8) {
  EXPECT_THAT(SeriesOf("asyncpal_pool_max_workers", {{.name = "a\xff"
                                                              "b"}}),
              ElementsAre(HasSubstr("pool=\"a\xef\xbf\xbd"
                                    "b\"")));
}

}  // namespace
}  // namespace asyncpal::internal
