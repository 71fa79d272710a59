#include "asyncpal/pool/internal/native_thread.h"

#include <pthread.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/stack_size.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::Notification;
using testing::StackSizeOfThisThread;

size_t StackSizeOf(size_t asked) {
  size_t size = 0;
  NativeThread thread(asked, [&] { size = StackSizeOfThisThread(); });
  thread.Join();
  return size;
}

TEST(NativeThread, HasTheStackThatItIsGiven) {
  EXPECT_EQ(StackSizeOf(size_t{1} << 20), size_t{1} << 20);
  EXPECT_EQ(StackSizeOf(size_t{64} << 20), size_t{64} << 20);
}

TEST(NativeThread, RoundsASizeUpToPages) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  EXPECT_EQ(StackSizeOf((size_t{1} << 20) + 1), (size_t{1} << 20) + page);
}

TEST(NativeThread, HasTheLeastStackWhereThatIsMore) {
  EXPECT_GT(StackSizeOf(1), size_t{4096});
}

TEST(NativeThread, HasTheSystemsStackByDefault) {
  size_t size = 0;
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_getattr_default_np(&attributes), 0);
  pthread_attr_getstacksize(&attributes, &size);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(StackSizeOf(0), size);
}

TEST(NativeThread, ThrowsWhereNoThreadIsToBeHad) {
  EXPECT_THROW(NativeThread(SIZE_MAX / 4, [] {}), std::system_error);
}

TEST(NativeThread, KnowsItselfWhereverItIsMovedTo) {
  Notification moved;
  NativeThread thread;
  bool is_self = false;
  NativeThread started(0, [&] {
    moved.Wait();
    is_self = thread.IsThisThread();
  });
  thread = std::move(started);
  EXPECT_FALSE(started.joinable());
  EXPECT_TRUE(thread.joinable());
  EXPECT_FALSE(thread.IsThisThread());
  moved.Notify();
  thread.Join();
  EXPECT_TRUE(is_self);
  EXPECT_FALSE(thread.joinable());
}

TEST(NativeThread, RunsOnWhenItIsDetached) {
  static Notification may_end, ended;
  {
    NativeThread thread(0, [] {
      may_end.Wait();
      ended.Notify();
    });
    thread.Detach();
  }
  may_end.Notify();
  EXPECT_TRUE(ended.Wait());
}

}  // namespace
}  // namespace asyncpal::internal
