#include "asyncpal/pool/internal/pool_log.h"

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "asyncpal/future/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class PoolLogTest : public ::testing::Test {
 protected:
  using Messages = std::vector<std::pair<LogSeverity, std::string>>;

  static PoolLog::Sink SinkTo(Messages& messages) {
    return [&messages](LogSeverity severity, std::string_view message) {
      messages.emplace_back(severity, message);
    };
  }

  PoolLogTest() { SetLogSink(SinkTo(of_all_)); }
  ~PoolLogTest() override { SetLogSink(nullptr); }

  Messages own_;
  Messages of_all_;
};

TEST_F(PoolLogTest, ItsOwnSinkGetsTheMessagesInPlaceOfTheProcesss) {
  PoolLog log(SinkTo(own_));
  log.Write(LogSeverity::kWarning, "pool 'p' may wait for itself");
  log.WriteFailure("pool 'p': posted task failed",
                   std::make_exception_ptr(std::runtime_error("no wish")));
  EXPECT_THAT(
      own_,
      ElementsAre(Pair(LogSeverity::kWarning, "pool 'p' may wait for itself"),
                  Pair(LogSeverity::kError,
                       HasSubstr("failed: std::runtime_error: no wish"))));
  EXPECT_THAT(of_all_, IsEmpty());
}

TEST_F(PoolLogTest, WithoutASinkMessagesGoToTheProcesss) {
  PoolLog log;
  log.Write(LogSeverity::kInfo, "all is well");
  EXPECT_THAT(of_all_, ElementsAre(Pair(LogSeverity::kInfo, "all is well")));
}

TEST_F(PoolLogTest, WhatTheSinkThrowsGoesToTheProcesssWithTheMessage) {
  PoolLog log([](LogSeverity, std::string_view) {
    throw std::runtime_error("disk full");
  });
  log.Write(LogSeverity::kWarning, "slow");
  EXPECT_THAT(of_all_,
              ElementsAre(Pair(LogSeverity::kError, HasSubstr("disk full")),
                          Pair(LogSeverity::kWarning, "slow")));
}

}  // namespace
}  // namespace asyncpal::internal
