#include "asyncpal/future/internal/trampoline.h"

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;

class FunctionItem final : public Trampoline::Item {
 public:
  explicit FunctionItem(std::function<void()> function)
      : function_(std::move(function)) {}
  void Run() noexcept override { function_(); }

 private:
  std::function<void()> function_;
};

TEST(TrampolineTest, RunsTheFirstItemAtOnce) {
  bool ran = false;
  FunctionItem item([&] { ran = true; });
  Trampoline::Run(item);
  EXPECT_TRUE(ran);
}

TEST(TrampolineTest, RunsWhatAnItemSetsOffAfterItInOrder) {
  std::vector<int> order;
  FunctionItem second([&] { order.push_back(2); });
  FunctionItem third([&] { order.push_back(3); });
  FunctionItem first([&] {
    Trampoline::Run(second);
    Trampoline::Run(third);
    order.push_back(1);
  });
  Trampoline::Run(first);
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(TrampolineTest, RunsAnItemAgainThatIsAddedDuringItsRun) {
  int runs = 0;
  std::function<void()> again;
  FunctionItem item([&] { again(); });
  again = [&] {
    if (++runs < 3) Trampoline::Run(item);
  };
  Trampoline::Run(item);
  EXPECT_EQ(runs, 3);
}

TEST(TrampolineTest, RunsWhatIsPutOffWhenAnItemIsAboutToWait) {
  std::vector<int> order;
  FunctionItem second([&] { order.push_back(2); });
  FunctionItem first([&] {
    Trampoline::Run(second);
    EXPECT_TRUE(Trampoline::has_put_off());
    Trampoline::RunPutOff();
    EXPECT_FALSE(Trampoline::has_put_off());
    order.push_back(1);
  });
  Trampoline::Run(first);
  EXPECT_THAT(order, ElementsAre(2, 1));
}

TEST(TrampolineTest, RunsNoMoreBeforeAWaitThanThatNeeds) {
  std::vector<int> order;
  FunctionItem second([&] { order.push_back(2); });
  FunctionItem third([&] { order.push_back(3); });
  FunctionItem first([&] {
    Trampoline::Run(second);
    Trampoline::Run(third);
    Trampoline::RunPutOffUntil([&] { return !order.empty(); });
    order.push_back(1);
  });
  Trampoline::Run(first);
  EXPECT_THAT(order, ElementsAre(2, 1, 3));
}

TEST(TrampolineTest, RunsWhatAScopeHasSetOffAtItsEnd) {
  bool ran = false;
  FunctionItem item([&] { ran = true; });
  {
    Trampoline::Scope scope;
    Trampoline::Run(item);
    EXPECT_FALSE(ran);
  }
  EXPECT_TRUE(ran);
  EXPECT_FALSE(Trampoline::is_busy());
}

TEST(TrampolineTest, LetsAnInnerScopePassOnWhatItHasSetOff) {
  bool ran = false;
  FunctionItem item([&] { ran = true; });
  Trampoline::Scope outer;
  {
    Trampoline::Scope inner;
    Trampoline::Run(item);
  }
  EXPECT_FALSE(ran);
  Trampoline::RunPutOff();
}

TEST(TrampolineTest, KeepsThreadsApart) {
  bool ran = false;
  FunctionItem other([&] { ran = true; });
  FunctionItem item([&] {
    std::thread([&] { Trampoline::Run(other); }).join();
    EXPECT_TRUE(ran);
  });
  Trampoline::Run(item);
}

}  // namespace
}  // namespace asyncpal::internal
