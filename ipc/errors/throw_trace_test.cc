#include "asyncpal/ipc/errors/throw_trace.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <any>
#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

[[gnu::noinline]] void ThrowDirectly() {
  throw std::runtime_error("thrown directly");
}

[[gnu::noinline]] int ReadPastTheEnd(const std::vector<int>& values) {
  return values.at(values.size()) + 1;
}

[[gnu::noinline]] void ThrowAnInt() { throw 42; }

[[gnu::noinline]] int ThrowAtDepth(int depth) {
  if (depth == 0) throw std::runtime_error("deep");
  // Neither a loop nor a tail call.
  return ThrowAtDepth(depth - 1) + depth;
}

[[gnu::noinline]] void NestWhatThrowDirectlyThrows() {
  try {
    ThrowDirectly();
  } catch (...) {
    std::throw_with_nested(std::logic_error("outer"));
  }
}

template <typename F>
std::exception_ptr Caught(F&& f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

std::string TextOf(const std::exception_ptr& error) {
  return SymbolizeTrace(ThrowTraceOf(error));
}

class ThrowTrace : public ::testing::Test {
 protected:
  ThrowTrace() { EnableThrowTraces(); }
};

// In a process where traces are not on yet, which is what a death test's is.
TEST(ThrowTraceDeathTest, IsNotKeptBeforeItIsEnabled) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const auto error = Caught(ThrowDirectly);
        _exit(ThrowTraceOf(error).empty() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST_F(ThrowTrace, NamesTheStaticFunctionThatThrew) {
  EXPECT_THAT(TextOf(Caught(ThrowDirectly)), HasSubstr("ThrowDirectly"));
}

TEST_F(ThrowTrace, BeginsWithTheFunctionThatThrew) {
  const std::string text = TextOf(Caught(ThrowDirectly));
  EXPECT_THAT(text.substr(0, text.find('\n')), HasSubstr("ThrowDirectly"));
}

TEST_F(ThrowTrace, NamesTheCallerOfWhatTheStandardLibraryThrows) {
  EXPECT_THAT(TextOf(Caught([] {
                ReadPastTheEnd({1, 2});
              })),
              HasSubstr("ReadPastTheEnd"));
}

TEST_F(ThrowTrace, IsKeptForWhatIsNoStdException) {
  EXPECT_THAT(TextOf(Caught(ThrowAnInt)), HasSubstr("ThrowAnInt"));
}

TEST_F(ThrowTrace, OfANestedErrorIsThatOfItsOwnThrow) {
  const auto outer = Caught(NestWhatThrowDirectlyThrows);
  EXPECT_THAT(TextOf(outer), AllOf(HasSubstr("NestWhatThrowDirectlyThrows"),
                                   Not(HasSubstr("ThrowDirectly()"))));
}

TEST_F(ThrowTrace, OfACauseIsThatOfItsOwnThrow) {
  std::string text;
  try {
    NestWhatThrowDirectlyThrows();
  } catch (const std::nested_exception& outer) {
    text = TextOf(outer.nested_ptr());
  }
  EXPECT_THAT(text, HasSubstr("ThrowDirectly()"));
}

TEST_F(ThrowTrace, StaysThatOfTheFirstThrowWhenTheErrorIsRethrown) {
  const auto error = Caught(ThrowDirectly);
  const auto again = Caught([&] { std::rethrow_exception(error); });
  EXPECT_THAT(TextOf(again), HasSubstr("ThrowDirectly"));
}

TEST_F(ThrowTrace, IsEmptyForAnErrorThatWasNotThrown) {
  EXPECT_THAT(ThrowTraceOf(std::make_exception_ptr(std::runtime_error("made"))),
              IsEmpty());
}

TEST_F(ThrowTrace, IsNotThatOfADeadErrorAtTheSameAddress) {
  // The allocator gives the address that was freed last.
  for (int i = 0; i < 100; ++i) {
    Caught(ThrowDirectly);
    const auto made = std::make_exception_ptr(std::runtime_error("made"));
    ASSERT_THAT(ThrowTraceOf(made), IsEmpty());
  }
}

TEST_F(ThrowTrace, IsEmptyForNull) {
  EXPECT_THAT(ThrowTraceOf(nullptr), IsEmpty());
}

TEST_F(ThrowTrace, HasAtMost64Frames) {
  EXPECT_THAT(ThrowTraceOf(Caught([] { ThrowAtDepth(1000); })), SizeIs(64));
}

TEST_F(ThrowTrace, IsForgottenOnlyAfter255Later) {
  const auto first = Caught(ThrowDirectly);
  std::vector<std::exception_ptr> later;
  for (int i = 0; i < 255; ++i) later.push_back(Caught(ThrowAnInt));
  EXPECT_THAT(TextOf(first), HasSubstr("ThrowDirectly"));
  later.push_back(Caught(ThrowAnInt));
  EXPECT_THAT(ThrowTraceOf(first), IsEmpty());
}

TEST_F(ThrowTrace, IsRightForEachOfManyThreads) {
  constexpr int kThreads = 4;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&wrong] {
      for (int i = 0; i < 200; ++i) {
        const auto frames = ThrowTraceOf(Caught(ThrowDirectly));
        // Any may be lost under contention, but none may be another's.
        if (!frames.empty() &&
            SymbolizeTrace({frames[0]}).find("ThrowDirectly") ==
                std::string::npos) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ThrowTrace, EndsWithTheFunctionOfTheThread) {
  std::string text;
  std::thread([&text] { text = TextOf(Caught(ThrowDirectly)); }).join();
  EXPECT_THAT(text,
              AllOf(HasSubstr("ThrowDirectly"), Not(HasSubstr("start_thread")),
                    Not(HasSubstr("clone"))));
}

TEST_F(ThrowTrace, EndsWithMain) {
  const std::string text = TextOf(Caught(ThrowDirectly));
  const size_t last_line = text.rfind('\n', text.size() - 2) + 1;
  EXPECT_THAT(text.substr(last_line), HasSubstr("at main ("));
}

TEST_F(ThrowTrace, IsKeptInTheChildOfAForkToo) {
  std::atomic<bool> stop = false;
  std::thread thrower([&stop] {
    while (!stop) Caught(ThrowAnInt);
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(10);
      _exit(ThrowTraceOf(Caught(ThrowAnInt)).empty() ? 1 : 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  thrower.join();
}

TEST(SymbolizeTrace, GivesModuleAndOffsetOfEachFrame) {
  EXPECT_THAT(
      SymbolizeTrace({reinterpret_cast<void*>(&ThrowAnInt)}),
      ContainsRegex("^    at .* \\(throw_trace_[a-z_]*test\\+0x[0-9a-f]+\\)"));
}

TEST(SymbolizeTrace, NamesTheModuleOfASharedLibrary) {
  EXPECT_THAT(SymbolizeTrace({reinterpret_cast<void*>(&getpid)}),
              HasSubstr("(libc.so.6+0x"));
}

TEST(SymbolizeTrace, ShowsAnAddressThatBelongsToNoModule) {
  EXPECT_EQ(SymbolizeTrace({reinterpret_cast<void*>(0x11)}),
            "    at ?? (0x10)\n");
}

TEST(SymbolizeTrace, IsAtMost64KiBLong) {
  const std::vector<void*> frames(100000, reinterpret_cast<void*>(&ThrowAnInt));
  EXPECT_LE(SymbolizeTrace(frames).size(), 64u * 1024);
}

}  // namespace
}  // namespace asyncpal::internal
