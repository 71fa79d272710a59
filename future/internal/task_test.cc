#include "asyncpal/future/internal/task.h"

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/testing/no_owner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::NoOwner;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- Types ---

using Unique = std::unique_ptr<int>;

static_assert(kCopyable<int> && kCopyable<void> && kCopyable<std::string>);
static_assert(!kCopyable<Unique>);
static_assert(kCopyable<std::vector<int>>);
static_assert(!kCopyable<std::vector<Unique>>,
              "though it says that it can be copied");
static_assert(!kCopyable<std::vector<std::vector<Unique>>>);
static_assert(!kCopyable<std::pair<int, Unique>>);
static_assert(!kCopyable<std::tuple<int, std::vector<Unique>>>);

int Twice(int n) { return 2 * n; }
const std::string& Same(const std::string& text) { return text; }
using StopIfAsked = void(std::stop_token, int);

static_assert(std::is_same_v<TaskResult<decltype(Twice), int>, int>);
static_assert(
    std::is_same_v<TaskResult<decltype(Same), std::string>, std::string>,
    "a reference would be to a dead argument");
static_assert(std::is_void_v<TaskResult<StopIfAsked, int>>);
static_assert(kWantsStopToken<StopIfAsked, int>);
static_assert(!kWantsStopToken<decltype(Twice), int>);

TEST(InvokeStored, MakesAValueOfNothing) {
  static_assert(std::is_same_v<decltype(InvokeStored([] {})), std::monostate>);
  EXPECT_EQ(InvokeStored(Twice, 4), 8);
}

TEST(IsEmptyCallable, FindsWhatCanNotBeCalled) {
  EXPECT_TRUE(IsEmptyCallable(std::function<void()>()));
  EXPECT_TRUE(IsEmptyCallable(static_cast<int (*)(int)>(nullptr)));
  EXPECT_FALSE(IsEmptyCallable(std::function<void()>([] {})));
  EXPECT_FALSE(IsEmptyCallable(Twice));
  EXPECT_FALSE(IsEmptyCallable(&Twice));
  EXPECT_FALSE(IsEmptyCallable([] {}));
}

// --- Bind ---

TEST(Bind, CopiesWhatItIsGiven) {
  std::string text = "before";
  auto call = Bind(Same, text);
  text = "after";
  EXPECT_EQ(std::move(call)(), "before");
}

TEST(Bind, MovesItsArgumentsIntoTheCall) {
  auto call =
      Bind([](Unique number) { return *number; }, std::make_unique<int>(7));
  EXPECT_EQ(std::move(call)(), 7);
}

TEST(Bind, PassesAReferenceWrapperOn) {
  int n = 1;
  Bind([](int& number) { ++number; }, std::ref(n))();
  EXPECT_EQ(n, 2);
}

TEST(Bind, PutsWhatTheTaskAddsInFront) {
  auto call = Bind([](int a, int b, int c) { return 100 * a + 10 * b + c; },
                   /*b=*/2, /*c=*/3);
  EXPECT_EQ(std::move(call)(1), 123);
}

TEST(Bind, CallsAMember) {
  struct Box {
    int Plus(int n) const { return value + n; }
    int value;
  };
  EXPECT_EQ(Bind(&Box::Plus, Box{40}, 2)(), 42);
}

// --- ResultSlot ---

// Counts its objects, and throws at the end of one that was told to.
struct Counted {
  explicit Counted(int& n, bool throws = false) : count(n), throws(throws) {
    ++count;
  }
  Counted(Counted&&) = delete;
  ~Counted() noexcept(false) {
    --count;
    if (throws) throw std::runtime_error("destructor");
  }

  int& count;
  bool throws;
};

TEST(ResultSlot, IsFilledWithoutAMove) {
  int count = 0;
  auto make = [&] { return Counted(count); };
  {
    ResultSlot<Counted> slot;
    EXPECT_FALSE(slot.filled());
    slot.FillFrom(make);
    EXPECT_TRUE(slot.filled());
    EXPECT_EQ(count, 1);
  }
  EXPECT_EQ(count, 0);
}

TEST(ResultSlot, StaysEmptyWhereNothingIsProduced) {
  auto fail = []() -> int { throw std::runtime_error("no"); };
  ResultSlot<int> slot;
  EXPECT_THROW(slot.FillFrom(fail), std::runtime_error);
  EXPECT_FALSE(slot.filled());
}

TEST(ResultSlot, BearsADestructorThatThrows) {
  int count = 0;
  auto make = [&] { return Counted(count, /*throws=*/true); };
  ::testing::internal::CaptureStderr();
  {
    ResultSlot<Counted> slot;
    slot.FillFrom(make);
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("the destructor of a task's result threw"));
  EXPECT_EQ(count, 0);
}

// --- Task ---

// Notes when a callable is destroyed.
struct Trace {
  std::vector<std::string>* notes;
  bool owns = true;
  explicit Trace(std::vector<std::string>* n) : notes(n) {}
  Trace(Trace&& other) noexcept
      : notes(other.notes), owns(std::exchange(other.owns, false)) {}
  ~Trace() {
    if (owns) notes->push_back("destroyed");
  }
};

class TaskTest : public ::testing::Test {
 protected:
  template <typename F, typename... A>
  auto Make(F&& f, A&&... args) {
    auto* const task =
        NewTask(&owner_, 0, std::forward<F>(f), std::forward<A>(args)...);
    return StateRef<std::remove_pointer_t<decltype(task)>>::Adopt(task);
  }
  // Gives up the reference that a queue would have had.
  static void Run(TaskState& task) {
    task.AddReference();
    ASSERT_TRUE(task.Start());
    task.Run(NowTicks());
  }

  NoOwner owner_;
  std::vector<std::string> notes_;
};

TEST_F(TaskTest, KeepsItsResult) {
  const auto task = Make(Twice, 21);
  Run(*task);
  EXPECT_EQ(task->state(), FutureState::kCompleted);
  EXPECT_EQ(task->Get(), 42);
}

TEST_F(TaskTest, KeepsWhatItThrew) {
  const auto task = Make([]() -> int { throw std::out_of_range("index 7"); });
  Run(*task);
  EXPECT_EQ(task->state(), FutureState::kFailed);
  EXPECT_EQ(task->result(), nullptr);
  EXPECT_THROW(task->Get(), std::out_of_range);
}

TEST_F(TaskTest, DestroysItsCallableBeforeItsResultIsSeen) {
  const auto task = Make([trace = Trace(&notes_)] {});
  task->AddCallback([&](TaskState&) { notes_.push_back("seen"); });
  Run(*task);
  EXPECT_THAT(notes_, ElementsAre("destroyed", "seen"));
}

TEST_F(TaskTest, DestroysItsCallableOnceWhereItThrows) {
  const auto task =
      Make([trace = Trace(&notes_)] { throw std::runtime_error("x"); });
  Run(*task);
  EXPECT_THAT(notes_, ElementsAre("destroyed"));
}

TEST_F(TaskTest, DestroysACallableThatNeverRan) {
  {
    const auto task = Make([trace = Trace(&notes_)] {});
  }
  EXPECT_THAT(notes_, ElementsAre("destroyed"));
}

TEST_F(TaskTest, BearsACallableWhoseDestructorThrows) {
  struct Throwing {
    Throwing() = default;
    Throwing(Throwing&& other) noexcept
        : throws(std::exchange(other.throws, false)) {}
    ~Throwing() noexcept(false) {
      if (throws) throw std::runtime_error("destructor");
    }
    int operator()() { return 5; }

    bool throws = true;
  };
  const auto task = Make(Throwing());
  ::testing::internal::CaptureStderr();
  Run(*task);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("the destructor of a task's callable threw"));
  EXPECT_EQ(task->Get(), 5);
}

TEST_F(TaskTest, FailsWithWhatTheMoveOfItsResultThrew) {
  struct Stubborn {
    Stubborn() = default;
    Stubborn(Stubborn&&) { throw std::runtime_error("no move"); }
  };
  const auto task = Make([] { return Stubborn(); });
  Run(*task);
  EXPECT_EQ(task->state(), FutureState::kFailed);
  EXPECT_EQ(DescribeException(task->error()), "std::runtime_error: no move");
}

TEST_F(TaskTest, StopsTheTokenThatItHasGiven) {
  std::stop_token seen;
  const auto task = Make([&](std::stop_token stop) { seen = stop; });
  EXPECT_TRUE(task->is_tracked());
  Run(*task);
  EXPECT_FALSE(seen.stop_requested());
  task->RequestStop();
  EXPECT_TRUE(seen.stop_requested());
}

TEST_F(TaskTest, LooksAtNoTokenThatItsCallableDoesNotTake) {
  const auto task = Make(Twice, 1);
  EXPECT_FALSE(task->is_tracked());
  task->RequestStop();  // nothing
  Run(*task);
  EXPECT_EQ(task->Get(), 2);
}

TEST_F(TaskTest, RunsHereUnlessItHasARunner) {
  EXPECT_EQ(Make(Twice, 1)->runner(), nullptr);
}

TEST_F(TaskTest, GivesItsResultAwayOnce) {
  const auto task = Make([] { return std::make_unique<int>(3); });
  Run(*task);
  EXPECT_EQ(*std::move(task->GetForMove()), 3);
  EXPECT_EQ(task->result(), nullptr);
  EXPECT_THROW(task->GetForMove(), InvalidStateError);
  EXPECT_THROW(task->Get(), InvalidStateError);
}

}  // namespace
}  // namespace asyncpal::internal
