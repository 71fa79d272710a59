#include "asyncpal/pool/internal/slot_queue.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/posted_call.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A posted call that is told apart by a number.
struct Call {
  void operator()() const { ran = value; }
  int64_t value;
  static inline int64_t ran = 0;
};

class SlotQueueTest : public ::testing::Test {
 protected:
  void MakeRoom() {
    if (!tail_.HasRoom()) tail_.Grow(SlotChunk::Make(tail_.wanted_bytes()));
  }
  uint64_t Push(int64_t value) {
    MakeRoom();
    const Call call = {value};
    return tail_.Push(kPostedCall<Call>, &call, sizeof(call));
  }
  // The same at 5000 + value, as the one with the id 2000 - value.
  void PushTimed(int64_t value) {
    MakeRoom();
    const Call call = {value};
    tail_.PushTimedCall(Slot::Of(kPostedCall<Call>, &call, sizeof(call)),
                        {.id = static_cast<uint64_t>(2000 - value),
                         .submitted_at = 5000 + value});
  }
  // A task of which the queue gets the only reference.
  TaskState* PushTask() {
    MakeRoom();
    TaskState* const task = NewTask(nullptr, 0, [] {});
    task->set_task_id(tail_.NewId());
    tail_.Push(task);
    return task;
  }
  static int64_t ValueOf(Slot& slot) {
    slot.posted->run(slot.call);
    return Call::ran;
  }
  int64_t Pop() {
    const int64_t value = ValueOf(*head_.Front());
    head_.Pop();
    return value;
  }
  static std::vector<int64_t> Drain(SlotHead& head) {
    std::vector<int64_t> values;
    for (; head.Front() != nullptr; head.Pop()) {
      values.push_back(ValueOf(*head.Front()));
    }
    return values;
  }

  SlotChain chain_;
  SlotTail tail_{chain_};
  SlotHead head_{chain_};
};

// More than fit into a few chunks.
constexpr int64_t kMany = 1000;

TEST_F(SlotQueueTest, IsEmptyAtFirst) { EXPECT_EQ(head_.Front(), nullptr); }

TEST_F(SlotQueueTest, GivesTheOldestFirstThroughManyChunks) {
  for (int64_t i = 0; i < kMany; ++i) Push(i);
  for (int64_t i = 0; i < kMany; ++i) ASSERT_EQ(Pop(), i);
  EXPECT_EQ(head_.Front(), nullptr);
}

TEST_F(SlotQueueTest, IsFilledAgainAfterItWasEmpty) {
  for (int64_t i = 0; i < kMany; ++i) {
    Push(i);
    Push(-i);
    ASSERT_EQ(Pop(), i);
    ASSERT_EQ(Pop(), -i);
    ASSERT_EQ(head_.Front(), nullptr);
  }
}

TEST_F(SlotQueueTest, UsesUsedUpChunksAgain) {
  for (int64_t i = 0; i < kMany; ++i) {
    Push(i);
    Pop();
  }
  EXPECT_NE(tail_.TakeSpare(), nullptr);
  EXPECT_EQ(tail_.TakeSpare(), nullptr);
}

TEST_F(SlotQueueTest, HasNoRoomBeforeItGrows) {
  EXPECT_FALSE(tail_.HasRoom());
  EXPECT_EQ(tail_.wanted_bytes(), SlotChunk::kFirstBytes);
  EXPECT_EQ(tail_.Grow(SlotChunk::Make(SlotChunk::kFirstBytes)), nullptr);
  EXPECT_TRUE(tail_.HasRoom());
  EXPECT_EQ(tail_.wanted_bytes(), SlotChunk::kBytes);
}

TEST_F(SlotQueueTest, GivesAChunkBackThatIsNotNeeded) {
  MakeRoom();
  EXPECT_NE(tail_.Grow(SlotChunk::Make(SlotChunk::kBytes)), nullptr);
}

TEST_F(SlotQueueTest, KeepsTheReferencesOfItsTasksUntilItsEnd) {
  StateRef<TaskState> mine;
  {
    SlotChain chain;
    SlotTail tail(chain);
    SlotHead head(chain);
    tail.Grow(SlotChunk::Make(SlotChunk::kFirstBytes));
    TaskState* const task = NewTask(nullptr, 0, [] {});
    mine = StateRef<TaskState>::Share(task);
    tail.Push(task);
    EXPECT_TRUE(head.Front()->is_task());
    EXPECT_FALSE(mine->is_unique());
  }
  EXPECT_TRUE(mine->is_unique());
}

TEST_F(SlotQueueTest, CountsTheIdsOfPostedCalls) {
  Push(1);
  PushTask();
  Push(3);
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 1u);
  head_.Pop();
  EXPECT_EQ(head_.Front()->task->task_id(), 2u);
  head_.Front()->task->Release();
  head_.Pop();
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 3u);
}

TEST_F(SlotQueueTest, SaysWhichIdComesAfterOthersWereGivenAway) {
  Push(1);
  EXPECT_EQ(tail_.NewIds(100), 1u);
  Push(2);
  Push(3);
  EXPECT_EQ(Pop(), 1);
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 102u);
  EXPECT_EQ(Pop(), 2);
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 103u);
}

TEST_F(SlotQueueTest, IdsStayTrueWhereverAChunkEnds) {
  for (int64_t i = 0; i < kMany; ++i) {
    if (i % 3 == 0) tail_.NewId();
    Push(i);
  }
  for (int64_t i = 0; i < kMany; ++i) {
    head_.Front();
    ASSERT_EQ(head_.front_call().id, static_cast<uint64_t>(i + 2 + i / 3));
    ASSERT_EQ(Pop(), i);
  }
}

TEST_F(SlotQueueTest, TellsWhenATimedCallWasSubmitted) {
  for (int64_t i = 0; i < kMany; ++i) PushTimed(i);
  for (int64_t i = 0; i < kMany; ++i) {
    head_.Front();
    ASSERT_EQ(head_.front_call().id, static_cast<uint64_t>(2000 - i));
    ASSERT_EQ(head_.front_call().submitted_at, 5000 + i);
    ASSERT_EQ(Pop(), i);
  }
  EXPECT_EQ(head_.Front(), nullptr);
}

TEST_F(SlotQueueTest, TellsSoWhoVisitsAllOfThem) {
  for (int64_t i = 0; i < kMany; ++i) PushTimed(i);
  Pop();
  int64_t seen = 1;
  head_.ForEach(10 * kMany, [&](Slot& slot, const CallInfo& call) {
    if (slot.is_empty()) return true;
    EXPECT_EQ(ValueOf(slot), seen);
    EXPECT_EQ(call.id, static_cast<uint64_t>(2000 - seen));
    EXPECT_EQ(call.submitted_at, 5000 + seen);
    ++seen;
    return true;
  });
  EXPECT_EQ(seen, kMany);
}

TEST_F(SlotQueueTest, TellsSoOfWhatWasMovedElsewhere) {
  for (int64_t i = 0; i < kMany; ++i) PushTimed(i);
  head_.Front();
  SlotChain chain;
  SlotHead rest(chain);
  head_.TakeAll(tail_, rest);
  for (int64_t i = 0; i < kMany; ++i) {
    ASSERT_NE(rest.Front(), nullptr);
    ASSERT_EQ(rest.front_call().submitted_at, 5000 + i);
    rest.Pop();
  }
}

TEST_F(SlotQueueTest, FindsASlotByItsNumber) {
  std::vector<uint64_t> numbers;
  for (int64_t i = 0; i < kMany; ++i) numbers.push_back(Push(i));
  Pop();
  EXPECT_EQ(head_.Find(numbers[0]), nullptr);
  for (int64_t i = 1; i < kMany; ++i) {
    Slot* const slot = head_.Find(numbers[static_cast<size_t>(i)]);
    ASSERT_NE(slot, nullptr);
    ASSERT_EQ(ValueOf(*slot), i);
  }
}

TEST_F(SlotQueueTest, SkipsASlotThatWasCleared) {
  Push(1);
  *head_.Find(Push(2)) = Slot::Of(kNothing, nullptr, 0);
  Push(3);
  EXPECT_THAT(Drain(head_), ElementsAre(1, 3));
}

TEST_F(SlotQueueTest, IdsStayTrueBehindASlotThatWasCleared) {
  *head_.Find(Push(1)) = Slot::Of(kNothing, nullptr, 0);
  Push(2);
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 2u);
}

TEST_F(SlotQueueTest, SweepsWhatIsStaleAndKeepsTheOrderAndTheIds) {
  for (int64_t i = 0; i < kMany; ++i) Push(i);
  Pop();
  head_.Sweep([](Slot& slot) { return ValueOf(slot) % 500 != 0; });
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 501u);
  EXPECT_EQ(Pop(), 500);
  EXPECT_EQ(head_.Front(), nullptr);
  Push(1);
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 1001u);
}

TEST_F(SlotQueueTest, FindsWhatIsLeftAfterASweep) {
  std::vector<uint64_t> numbers;
  for (int64_t i = 0; i < kMany; ++i) numbers.push_back(Push(i));
  head_.Sweep([](Slot& slot) { return ValueOf(slot) != 900; });
  ASSERT_NE(head_.Find(numbers[900]), nullptr);
  EXPECT_EQ(ValueOf(*head_.Find(numbers[900])), 900);
  EXPECT_EQ(head_.Find(numbers[300]), nullptr);
}

TEST_F(SlotQueueTest, VisitsTheOldestInTheirOrder) {
  for (int64_t i = 0; i < kMany; ++i) Push(i);
  std::vector<int64_t> seen;
  head_.ForEach(3, [&](Slot& slot, const CallInfo&) {
    seen.push_back(ValueOf(slot));
    return true;
  });
  EXPECT_THAT(seen, ElementsAre(0, 1, 2));
}

// A task that waits for the newest did not find it, and slept.
TEST_F(SlotQueueTest, VisitsWhatCameAfterTheHeadHasLooked) {
  for (int64_t i = 0; i < 2; ++i) Push(i);
  ASSERT_NE(head_.Front(), nullptr);
  for (int64_t i = 2; i < kMany; ++i) Push(i);
  std::vector<int64_t> seen;
  head_.ForEach(kMany, [&](Slot& slot, const CallInfo&) {
    seen.push_back(ValueOf(slot));
    return true;
  });
  ASSERT_EQ(seen.size(), static_cast<size_t>(kMany));
  EXPECT_EQ(seen.back(), kMany - 1);
  EXPECT_EQ(Drain(head_).size(), static_cast<size_t>(kMany));
}

TEST_F(SlotQueueTest, GivesEverythingAway) {
  for (int64_t i = 0; i < 100; ++i) Push(i);
  for (int64_t i = 0; i < 97; ++i) Pop();
  SlotChain chain;
  SlotHead rest(chain);
  head_.TakeAll(tail_, rest);
  EXPECT_EQ(head_.Front(), nullptr);
  rest.Front();
  EXPECT_EQ(rest.front_call().id, 98u);
  EXPECT_THAT(Drain(rest), ElementsAre(97, 98, 99));
}

TEST_F(SlotQueueTest, TakesSlotsAgainAfterItGaveEverythingAway) {
  Push(1);
  SlotChain chain;
  SlotHead rest(chain);
  head_.TakeAll(tail_, rest);
  Push(2);
  head_.Front();
  EXPECT_EQ(head_.front_call().id, 2u);
  EXPECT_THAT(Drain(head_), ElementsAre(2));
}

TEST_F(SlotQueueTest, GivesNothingAwayWhereNothingIs) {
  SlotChain chain;
  SlotHead rest(chain);
  head_.TakeAll(tail_, rest);
  EXPECT_THAT(Drain(rest), IsEmpty());
  MakeRoom();
  SlotChain other_chain;
  SlotHead other_rest(other_chain);
  head_.TakeAll(tail_, other_rest);
  EXPECT_THAT(Drain(other_rest), IsEmpty());
  Push(7);
  EXPECT_THAT(Drain(head_), ElementsAre(7));
}

// The two ends need no common lock.
TEST_F(SlotQueueTest, EndsAreUsedByTwoThreadsAtOnce) {
  constexpr int64_t kCalls = 50'000;
  std::thread pusher([this] {
    for (int64_t i = 0; i < kCalls; ++i) {
      if (!tail_.HasRoom()) {
        auto chunk = tail_.TakeSpare();
        if (chunk == nullptr) chunk = SlotChunk::Make(tail_.wanted_bytes());
        tail_.Grow(std::move(chunk));
      }
      const Call call = {i};
      tail_.Push(kPostedCall<Call>, &call, sizeof(call));
    }
  });
  for (int64_t i = 0; i < kCalls; ++i) {
    while (head_.Front() == nullptr) std::this_thread::yield();
    ASSERT_EQ(Pop(), i);
  }
  pusher.join();
}

}  // namespace
}  // namespace asyncpal::internal
