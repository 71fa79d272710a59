#include "asyncpal/bindings/facade/option_names.h"

#include <stdexcept>

#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

class OptionNamesTest : public ::testing::Test {
 protected:
  void TearDown() override { SetOptionNaming(kNamesOfCpp); }
};

TEST_F(OptionNamesTest, AreThoseOfCppUntilAHostSaysOtherwise) {
  EXPECT_EQ(InNamesOfHost("max_pending is 2"), "max_pending is 2");
}

TEST_F(OptionNamesTest, AreSpelledAsTheHostSpellsThem) {
  SetOptionNaming(kLowerCamelNames);
  EXPECT_EQ(InNamesOfHost("pool 'p' is full: max_pending is 2 and "
                          "max_pending_bytes is 5"),
            "pool 'p' is full: maxPending is 2 and maxPendingBytes is 5");
  EXPECT_EQ(InNamesOfHost("(max_restarts and restart_window)"),
            "(maxRestarts and restartWindow)");
  SetOptionNaming(kUpperCamelNames);
  EXPECT_EQ(InNamesOfHost("max_tasks_per_worker"), "MaxTasksPerWorker");
}

TEST_F(OptionNamesTest, LeaveOtherWordsAlone) {
  SetOptionNaming(kUpperCamelNames);
  for (const char* text :
       {"", "pool 'my_pool' is full", "max_pending_tasks", "a_max_pending",
        "pthread_exit()", "_", "timeout", "max_pending\xc3\xa4_"}) {
    const std::string expected =
        std::string(text).rfind("max_pending\xc3", 0) == 0
            ? "MaxPending\xc3\xa4_"
            : text;
    EXPECT_EQ(InNamesOfHost(text), expected);
  }
}

TEST_F(OptionNamesTest, UnknownNamingIsRefused) {
  EXPECT_THROW(SetOptionNaming(3), std::invalid_argument);
  EXPECT_THROW(SetOptionNaming(-1), std::invalid_argument);
}

}  // namespace
}  // namespace asyncpal::facade
