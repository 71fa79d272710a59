#include "asyncpal/pool/prometheus_collectable.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "asyncpal/pool/observe.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/exposer.h"
#include "prometheus/text_serializer.h"

namespace asyncpal {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;

// What a text says, whatever the order and the form of its numbers: series with
// their values, bounds of buckets in one form, and what explains a metric.
std::map<std::string, double> Read(const std::string& text) {
  std::map<std::string, double> read;
  const std::vector<std::string> lines =
      absl::StrSplit(text, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    if (line.starts_with('#')) {
      read[line] = 0;
      continue;
    }
    const size_t end = line.rfind(' ');
    std::string series = line.substr(0, end);
    const size_t bound = series.find("le=\"");
    if (bound != series.npos) {
      const double seconds = std::strtod(series.c_str() + bound + 4, nullptr);
      series = series.substr(0, bound) + std::to_string(seconds * 1e6);
    }
    read[series] = std::strtod(line.c_str() + end, nullptr);
  }
  return read;
}

struct Pools {
  Pools() {
    for (int i = 0; i < 5; ++i) measured.Run([] {});
    measured.Join();
    processes.Run([] {});
    processes.Join();
  }

  ThreadPool measured{{.max_workers = 2, .name = "a", .histograms = true}};
  ThreadPool odd{{.max_workers = 3, .name = "a \"b\"\\c\nd"}};
  ProcessPool processes{{.max_workers = 1, .name = "a"}};
};

TEST(PrometheusCollectableTest, SaysWhatThePrometheusTextSays) {
  const Pools pools;
  const std::string text =
      prometheus::TextSerializer().Serialize(PrometheusCollectable().Collect());
  const std::map<std::string, double> expected = Read(PrometheusText());
  EXPECT_THAT(expected, Contains(Key(HasSubstr("asyncpal_task_run_seconds"))));
  EXPECT_EQ(Read(text), expected);
}

// What a server at this port answers.
std::string Get(int port, const std::string& path) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit = {.tv_sec = 60};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  std::string answer;
  if (connect(client, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0) {
    const std::string request =
        "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
    if (send(client, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
      char buffer[4096];
      for (ssize_t n; (n = read(client, buffer, sizeof(buffer))) > 0;) {
        answer.append(buffer, static_cast<size_t>(n));
      }
    }
  }
  close(client);
  return answer;
}

TEST(PrometheusCollectableTest, IsServedByAnExposer) {
  const Pools pools;
  const auto collectable = std::make_shared<PrometheusCollectable>();
  prometheus::Exposer exposer("127.0.0.1:0");
  exposer.RegisterCollectable(collectable);
  const std::string answer = Get(exposer.GetListeningPorts().at(0), "/metrics");
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  EXPECT_THAT(answer, HasSubstr("\nasyncpal_tasks_submitted_total{pool=\"a\","
                                "id=\"" +
                                std::to_string(pools.measured.id()) +
                                "\",kind=\"threads\"} 5\n"));
}

}  // namespace
}  // namespace asyncpal
