#include "asyncpal/pool/internal/source_gate.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

TEST(SourceGate, LetsSeveralIn) {
  SourceGate gate;
  EXPECT_TRUE(gate.Enter());
  EXPECT_TRUE(gate.Enter());
  gate.Leave();
  gate.Leave();
}

TEST(SourceGate, LetsNobodyInOnceItIsClosed) {
  SourceGate gate;
  gate.Close();
  EXPECT_FALSE(gate.Enter());
  EXPECT_FALSE(gate.Enter());
}

TEST(SourceGate, ClosesTwice) {
  SourceGate gate;
  gate.Close();
  gate.Close();
  EXPECT_FALSE(gate.Enter());
}

TEST(SourceGate, CloseWaitsForThoseInside) {
  SourceGate gate;
  ASSERT_TRUE(gate.Enter());
  std::atomic<bool> closed = false;
  std::thread owner([&] {
    gate.Close();
    closed = true;
  });
  // From here on Close() has begun, and can't be over.
  while (gate.Enter()) gate.Leave();
  EXPECT_FALSE(closed);
  gate.Leave();
  owner.join();
}

// A sanitizer sees a read that comes after the memory has gone.
TEST(SourceGate, MemoryMayGoAfterClose) {
  for (int round = 0; round < 200; ++round) {
    SourceGate gate;
    auto source = std::make_unique<std::vector<int>>(64, round);
    const int* const data = source->data();
    std::atomic<int> wrong = 0;
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; ++r) {
      readers.emplace_back([&] {
        while (gate.Enter()) {
          for (size_t i = 0; i < 64; ++i) wrong += data[i] != round;
          gate.Leave();
        }
      });
    }
    gate.Close();
    source.reset();
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace asyncpal::internal
