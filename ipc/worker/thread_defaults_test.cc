#include "asyncpal/ipc/worker/thread_defaults.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <cfenv>

#include "gtest/gtest.h"

#if defined(__x86_64__)
#include <fpu_control.h>
#include <xmmintrin.h>
#endif

// Each test changes something as a task might, and goes back.

namespace asyncpal::internal {
namespace {

bool IsBlocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

void Block(int signal) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
}

void Unblock(int signal) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
}

TEST(ThreadDefaults, RestoreTheRounding) {
  const ThreadDefaults defaults;
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  defaults.Restore();
  EXPECT_EQ(std::fegetround(), FE_TONEAREST);
}

TEST(ThreadDefaults, KeepARoundingThatWasThereBefore) {
  ASSERT_EQ(std::fesetround(FE_DOWNWARD), 0);
  const ThreadDefaults defaults;
  ASSERT_EQ(std::fesetround(FE_TONEAREST), 0);
  defaults.Restore();
  EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
  std::fesetround(FE_TONEAREST);
}

TEST(ThreadDefaults, ForgetExceptions) {
  std::feclearexcept(FE_ALL_EXCEPT);
  const ThreadDefaults defaults;
  ASSERT_EQ(std::feraiseexcept(FE_DIVBYZERO | FE_INVALID), 0);
  defaults.Restore();
  EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0);
}

TEST(ThreadDefaults, ForgetExceptionsOfEachType) {
  std::feclearexcept(FE_ALL_EXCEPT);
  const ThreadDefaults defaults;
  volatile double three = 3;
  volatile double third = 1 / three;  // is inexact
  static_cast<void>(third);
  defaults.Restore();
  EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0) << "double";
  // On x86-64, another unit computes these.
  volatile long double long_three = 3;
  volatile long double long_third = 1 / long_three;
  static_cast<void>(long_third);
  defaults.Restore();
  EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), 0) << "long double";
}

#if defined(__x86_64__)
TEST(ThreadDefaults, RestoreHowTinyNumbersAreTreated) {
  const ThreadDefaults defaults;
  const unsigned before = _mm_getcsr();
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  defaults.Restore();
  EXPECT_EQ(_mm_getcsr(), before);
}

TEST(ThreadDefaults, RestoreThePrecisionOfLongDouble) {
  const ThreadDefaults defaults;
  fpu_control_t before;
  _FPU_GETCW(before);
  const auto single =
      static_cast<fpu_control_t>((before & ~_FPU_EXTENDED) | _FPU_SINGLE);
  _FPU_SETCW(single);
  defaults.Restore();
  fpu_control_t after;
  _FPU_GETCW(after);
  EXPECT_EQ(after, before);
}
#endif

TEST(ThreadDefaults, RestoreTheSignalMask) {
  Block(SIGUSR2);
  const ThreadDefaults defaults;
  Block(SIGUSR1);
  Unblock(SIGUSR2);
  defaults.Restore();
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  EXPECT_TRUE(IsBlocked(SIGUSR2));
  Unblock(SIGUSR2);
}

jmp_buf before_the_signal;

void JumpBack(int) { longjmp(before_the_signal, 1); }

// Calls no function that changes the mask, and leaves the signal blocked.
void RaiseAndJumpBack(int signal) {
  if (_setjmp(before_the_signal) == 0) raise(signal);
}

TEST(ThreadDefaults, RestoreTheSignalMaskAfterAJumpOutOfAHandler) {
  const ThreadDefaults defaults;
  const sighandler_t before = signal(SIGUSR1, &JumpBack);
  RaiseAndJumpBack(SIGUSR1);
  EXPECT_TRUE(IsBlocked(SIGUSR1));
  defaults.Restore();
  EXPECT_FALSE(IsBlocked(SIGUSR1));
  signal(SIGUSR1, before);
}

}  // namespace
}  // namespace asyncpal::internal
