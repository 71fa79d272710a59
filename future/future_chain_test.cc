#include <pthread.h>

#include <any>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/wait.h"
#include "gtest/gtest.h"

// Chains of futures, each completed by the one before, that are much longer
// than the stack is deep.

namespace asyncpal {
namespace {

using internal::FutureAccess;
using internal::PromiseState;
using internal::ResultState;
using internal::StateRef;
using testing::ManualExecutor;

// As calls, they would need some fifty times the stack.
constexpr int kLinks = 100'000;
#if ASYNCPAL_ASAN || ASYNCPAL_TSAN
constexpr int kManyLinks = kLinks;  // they take several times the memory here
#else
constexpr int kManyLinks = 1'000'000;
#endif

void RunOnSmallStack(std::function<void()> test) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 << 10), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void* run) -> void* {
                  (*static_cast<std::function<void()>*>(run))();
                  return nullptr;
                },
                &test),
            0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

// How the first link of a chain ends.
enum class Ending { kCompleted, kFailed, kCancelled };

class Chain : public ::testing::TestWithParam<Ending> {
 protected:
  using Promise = StateRef<PromiseState<int>>;

  // Builds a chain on a pending future, ends that, and expects the last link to
  // have ended alike.
  template <typename MakeLast>
  static void Expect(MakeLast make_last) {
    RunOnSmallStack([&] {
      const Promise promise = PromiseState<int>::Make();
      const auto last = make_last(FutureAccess::Make<int>(promise));
      EXPECT_FALSE(last.is_done());
      End(*promise);
      EXPECT_EQ(last.state(), ExpectedState());
    });
  }

  static void End(PromiseState<int>& promise) {
    switch (GetParam()) {
      case Ending::kCompleted:
        promise.Complete(0);
        break;
      case Ending::kFailed:
        promise.Fail(std::make_exception_ptr(std::runtime_error("the end")));
        break;
      case Ending::kCancelled:
        promise.Cancel();
        break;
    }
  }

  static FutureState ExpectedState() {
    switch (GetParam()) {
      case Ending::kCompleted:
        return FutureState::kCompleted;
      case Ending::kFailed:
        return FutureState::kFailed;
      default:
        return FutureState::kCancelled;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(
    Endings, Chain,
    ::testing::Values(Ending::kCompleted, Ending::kFailed, Ending::kCancelled),
    [](const ::testing::TestParamInfo<Ending>& info) -> std::string {
      switch (info.param) {
        case Ending::kCompleted:
          return "Completed";
        case Ending::kFailed:
          return "Failed";
        default:
          return "Cancelled";
      }
    });

TEST_P(Chain, OfContinuationsHasAnyLength) {
  Expect([](Future<int> last) {
    for (int i = 0; i < kManyLinks; ++i) {
      last = last.Then([](int n) { return n + 1; });
    }
    return last;
  });
}

TEST_P(Chain, OfContinuationsThatSeeEveryOutcomeHasAnyLength) {
  // Each throws a copy of the error, which takes a while.
  const int links = GetParam() == Ending::kCompleted ? kLinks : kLinks / 10;
  Expect([links](Future<int> last) {
    for (int i = 0; i < links; ++i) {
      last = last.Then([](const Future<int>& done) { return done.Collect(); });
    }
    // What one collects it throws on: a cancellation, too, becomes an error.
    return last.Then([](const Future<int>& done) {
      if (GetParam() != Ending::kCancelled) return done;
      EXPECT_THROW(done.Collect(), CancelledError);
      const auto cancelled = PromiseState<int>::Make();
      cancelled->Cancel();
      return FutureAccess::Make<int>(cancelled);
    });
  });
}

TEST_P(Chain, OfFuturesReturnedByContinuationsHasAnyLength) {
  Expect([](Future<int> last) {
    for (int i = 0; i < kLinks; ++i) {
      const auto start = PromiseState<int>::Make();
      start->Complete(0);
      last = FutureAccess::Make<int>(start).Then([last](int) { return last; });
    }
    return last;
  });
}

Future<int> Await(Future<int> future) { co_return co_await future + 1; }

TEST_P(Chain, OfCoroutinesHasAnyLength) {
  if (GetParam() == Ending::kCancelled) {
    GTEST_SKIP() << "a coroutine fails where what it awaits was cancelled";
  }
  const int links = GetParam() == Ending::kCompleted ? kLinks : kLinks / 10;
  Expect([links](Future<int> last) {
    for (int i = 0; i < links; ++i) last = Await(last);
    return last;
  });
}

TEST_P(Chain, OfWhenAllHasAnyLength) {
  Expect([](const Future<int>& first) {
    Future<void> last = first.Then([](int) {});
    for (int i = 0; i < kLinks; ++i) last = WhenAll(std::vector{last});
    return last;
  });
}

TEST(LongChain, OfWhenAnyIsCompleted) {
  RunOnSmallStack([] {
    const auto promise = PromiseState<size_t>::Make();
    auto last = FutureAccess::Make<size_t>(promise);
    for (int i = 0; i < kLinks; ++i) last = WhenAny(std::vector{last});
    promise->Complete(7);
    EXPECT_EQ(last.Collect(absl::ZeroDuration()), 0u);
  });
}

TEST(LongChain, WhoseFuturesWereDroppedRunsToItsEnd) {
  RunOnSmallStack([] {
    const auto promise = PromiseState<int>::Make();
    int sum = 0;
    {
      auto last = FutureAccess::Make<int>(promise);
      for (int i = 0; i < kLinks; ++i) {
        last = last.Then([](int n) { return n + 1; });
      }
      last.AddCallback([&](const Future<int>& done) { sum = done.Collect(); });
    }
    promise->Complete(0);
    EXPECT_EQ(sum, kLinks);
  });
}

// ------------------------------------------------------ Asynchronous loops

Future<int> CountInTasks(ManualExecutor& executor, int i) {
  return executor.Submit([] {}).Then([&executor, i] {
    if (i < kLinks) return CountInTasks(executor, i + 1);
    const auto end = PromiseState<int>::Make();
    end->Complete(i);
    return FutureAccess::Make<int>(end);
  });
}

TEST(LongLoop, OfTasksEnds) {
  RunOnSmallStack([] {
    ManualExecutor executor;
    const Future<int> count = CountInTasks(executor, 0);
    executor.RunAll();
    EXPECT_EQ(count.Collect(absl::ZeroDuration()), kLinks);
  });
}

Future<int> CountInDoneFutures(int i) {
  const auto step = PromiseState<int>::Make();
  step->Complete(i);
  const auto done = FutureAccess::Make<int>(step);
  if (i == kLinks) return done;
  return done.Then([](int n) { return CountInDoneFutures(n + 1); });
}

TEST(LongLoop, OfStepsThatAreDoneAlreadyEnds) {
  RunOnSmallStack([] {
    EXPECT_EQ(CountInDoneFutures(0).Collect(absl::ZeroDuration()), kLinks);
  });
}

TEST(LongLoop, OnOneFutureThatIsDoneEnds) {
  RunOnSmallStack([] {
    const auto promise = PromiseState<int>::Make();
    promise->Complete(0);
    const auto done = FutureAccess::Make<int>(promise);
    int rounds = 0;
    std::function<Future<int>(int)> next = [&](int) {
      return ++rounds < kLinks ? done.Then(next) : done;
    };
    EXPECT_TRUE(done.Then(next).is_completed());
    EXPECT_EQ(rounds, kLinks);
  });
}

// ------------------------------------------------------------- Destruction

struct Link {
  std::any next;  // a Future<Link>
};

TEST(LongChain, OfResultsThatHoldFuturesIsDestroyed) {
  RunOnSmallStack([] {
    Future<Link> first;
    for (int i = 0; i < kLinks; ++i) {
      const auto promise = PromiseState<Link>::Make();
      promise->Complete(Link{std::exchange(first, {})});
      first = FutureAccess::Make<Link>(promise);
    }
    const std::shared_ptr<int> witness = std::make_shared<int>();
    const auto promise = PromiseState<Link>::Make();
    promise->Complete(Link{std::make_pair(witness, std::move(first))});
    first = Future<Link>();
    EXPECT_EQ(witness.use_count(), 2);
  });
}

TEST(LongChain, OfTasksThatHoldFuturesIsDestroyed) {
  RunOnSmallStack([] {
    ManualExecutor executor;
    const auto witness = std::make_shared<int>();
    Future<void> last;
    for (int i = 0; i < kLinks; ++i) {
      auto* const task = internal::NewTask(&executor, 0, [last, witness] {});
      last = FutureAccess::Make<void>(StateRef<ResultState<void>>::Adopt(task));
    }
    EXPECT_EQ(witness.use_count(), kLinks + 1);
    last = Future<void>();
    EXPECT_EQ(witness.use_count(), 1);
  });
}

}  // namespace
}  // namespace asyncpal
