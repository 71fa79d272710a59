#include "asyncpal/pool/internal/pool_lifecycle.h"

#include <exception>
#include <stdexcept>
#include <vector>

#include "asyncpal/future/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

const std::exception_ptr kCause =
    std::make_exception_ptr(BrokenPoolError("no disk"));

class PoolLifecycleTest : public ::testing::Test {
 protected:
  PoolLifecycle::Handler Note(int what) {
    return [this, what] { told_.push_back(what); };
  }

  PoolLifecycle pool_;
  std::vector<int> told_;
};

TEST_F(PoolLifecycleTest, NewPoolIsOpen) {
  EXPECT_FALSE(pool_.WhyNotOpen());
  EXPECT_FALSE(pool_.must_retire());
}

TEST_F(PoolLifecycleTest, ClosesOnce) {
  EXPECT_TRUE(pool_.Close());
  EXPECT_FALSE(pool_.Close());
  EXPECT_TRUE(pool_.must_retire());
}

TEST_F(PoolLifecycleTest, TellsWhichPoolIsClosed) {
  pool_.Close();
  EXPECT_THAT([&] { pool_.WhyNotOpen().Throw("pool 'p'"); },
              ThrowsMessage<ClosedPoolError>(HasSubstr("pool 'p' is closed")));
}

TEST_F(PoolLifecycleTest, KeepsTheFirstCauseThatBrokeIt) {
  EXPECT_TRUE(pool_.Break(kCause));
  EXPECT_FALSE(pool_.Break(std::make_exception_ptr(std::logic_error("late"))));
  EXPECT_EQ(pool_.WhyNotOpen().cause, kCause);
}

TEST_F(PoolLifecycleTest, CauseOfABreakCountsMoreThanAShutdown) {
  pool_.Close();
  pool_.Break(kCause);
  EXPECT_THAT([&] { pool_.WhyNotOpen().Throw("pool 'p'"); },
              ThrowsMessage<BrokenPoolError>("no disk"));
}

TEST_F(PoolLifecycleTest, WorkersRetireAsLongAsSomebodyJoins) {
  pool_.BeginJoin();
  const uint64_t join = pool_.StartJoin(Note(1));
  pool_.EndJoin();
  EXPECT_TRUE(pool_.must_retire());
  PoolLifecycle::Handler dropped;
  EXPECT_TRUE(pool_.CancelJoin(join, &dropped));
  EXPECT_FALSE(pool_.must_retire());
}

TEST_F(PoolLifecycleTest, JoinersAreToldInTheirOrderAndOnce) {
  pool_.StartJoin(Note(1));
  const uint64_t second = pool_.StartJoin(Note(2));
  pool_.TakeQuietHandlers().Run();
  EXPECT_THAT(told_, ElementsAre(1, 2));
  EXPECT_FALSE(pool_.must_retire());
  PoolLifecycle::Handler dropped;
  EXPECT_FALSE(pool_.CancelJoin(second, &dropped));
  pool_.TakeQuietHandlers().Run();
  EXPECT_THAT(told_, ElementsAre(1, 2));
}

TEST_F(PoolLifecycleTest, JoinThatWasCancelledIsNotTold) {
  const uint64_t first = pool_.StartJoin(Note(1));
  pool_.StartJoin(Note(2));
  PoolLifecycle::Handler dropped;
  ASSERT_TRUE(pool_.CancelJoin(first, &dropped));
  EXPECT_NE(dropped, nullptr);
  pool_.TakeQuietHandlers().Run();
  EXPECT_THAT(told_, ElementsAre(2));
}

TEST_F(PoolLifecycleTest, EndIsToldOnlyOfAClosedPool) {
  pool_.SetOnTerminated(Note(9));
  pool_.TakeQuietHandlers().Run();
  EXPECT_THAT(told_, IsEmpty());
  pool_.StartJoin(Note(1));
  pool_.Close();
  pool_.TakeQuietHandlers().Run();
  EXPECT_THAT(told_, ElementsAre(1, 9));
  pool_.TakeQuietHandlers().Run();
  EXPECT_THAT(told_, ElementsAre(1, 9));
}

}  // namespace
}  // namespace asyncpal::internal
