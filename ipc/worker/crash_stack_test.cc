#include "asyncpal/ipc/worker/crash_stack.h"

#include <signal.h>

#include <cstring>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// As in memory that the kernel gives.
std::unique_ptr<CrashStack> MakeEmpty() {
  return std::unique_ptr<CrashStack>(new CrashStack());
}

[[gnu::noinline]] bool NoteFrom(CrashStack& stack) {
  PrepareForCrash();
  const bool noted = stack.Note(SIGSEGV, __builtin_return_address(0));
  asm volatile("");  // no tail call
  return noted;
}

TEST(CrashStackTest, IsEmptyWhereNothingWasNoted) {
  EXPECT_THAT(MakeEmpty()->Describe(SIGSEGV, /*same_program=*/true), IsEmpty());
}

TEST(CrashStackTest, NamesTheFunctionsOfTheSameProgram) {
  const auto stack = MakeEmpty();
  ASSERT_TRUE(NoteFrom(*stack));
  EXPECT_THAT(stack->Describe(SIGSEGV, /*same_program=*/true),
              HasSubstr("CrashStackTest_NamesTheFunctionsOfTheSameProgram"));
}

TEST(CrashStackTest, OfAnotherProgramItGivesModulesAndOffsets) {
  const auto stack = MakeEmpty();
  ASSERT_TRUE(NoteFrom(*stack));
  const std::string text = stack->Describe(SIGSEGV, /*same_program=*/false);
  EXPECT_THAT(text, StartsWith("    at ?? (the worker+0x"));
  EXPECT_THAT(text, Not(HasSubstr("CrashStackTest")));
}

TEST(CrashStackTest, IsThatOfTheSignalOnly) {
  const auto stack = MakeEmpty();
  ASSERT_TRUE(NoteFrom(*stack));
  EXPECT_THAT(stack->Describe(SIGABRT, /*same_program=*/true), IsEmpty());
}

TEST(CrashStackTest, IsNotNotedWhereTheInstructionIsOnNoStack) {
  const auto stack = MakeEmpty();
  PrepareForCrash();
  EXPECT_FALSE(stack->Note(SIGSEGV, nullptr));
  EXPECT_THAT(stack->Describe(SIGSEGV, /*same_program=*/true), IsEmpty());
}

TEST(CrashStackTest, NonsenseIsNotBelieved) {
  const auto stack = MakeEmpty();
  std::memset(stack.get(), 0xff, sizeof(CrashStack));
  stack->signal = SIGSEGV;
  stack->Describe(SIGSEGV, /*same_program=*/true);
  for (CrashStack::Frame& frame : stack->frames) frame.module = 3;
  EXPECT_THAT(stack->Describe(SIGSEGV, /*same_program=*/true),
              StartsWith("    at ?? ("));
}

}  // namespace
}  // namespace asyncpal::internal
