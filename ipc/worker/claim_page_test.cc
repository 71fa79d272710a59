#include "asyncpal/ipc/worker/claim_page.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "asyncpal/ipc/internal/fd.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using Claim = ClaimPage::Claim;

constexpr uint64_t kAttempt = 7;
constexpr uint64_t kOther = 8;

// A page as it is once a claim has come so far.
ClaimPage PageAt(Claim claim) {
  ClaimPage page = ClaimPage::Create();
  if (claim == Claim::kUnknown) return page;
  page.Prefetch(0, kAttempt);
  if (claim == Claim::kRevoked) page.Revoke(0, kAttempt);
  if (claim == Claim::kPrefetched || claim == Claim::kRevoked) return page;
  page.Start(0, kAttempt);
  if (claim == Claim::kFinished) page.Finish(0, kAttempt);
  if (claim == Claim::kKilled) page.Interrupt(0, kAttempt);
  if (claim == Claim::kAnswered) page.Answer(0, kAttempt, "answer");
  return page;
}

class EveryClaim : public ::testing::TestWithParam<Claim> {};

INSTANTIATE_TEST_SUITE_P(, EveryClaim,
                         ::testing::Values(Claim::kUnknown, Claim::kPrefetched,
                                           Claim::kStarted, Claim::kFinished,
                                           Claim::kRevoked, Claim::kKilled,
                                           Claim::kAnswered));

TEST(ClaimPageProgress, IsTheLastOneOfThatAttempt) {
  ClaimPage page = ClaimPage::Create();
  EXPECT_EQ(page.ReadProgress(0), std::nullopt);
  EXPECT_EQ(page.ReadProgress(kAttempt), std::nullopt);
  page.ReportProgress(kAttempt, 0.25, "a");
  page.ReportProgress(kAttempt, 0.5, "b");
  const auto progress = page.ReadProgress(kAttempt);
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->fraction, 0.5);
  EXPECT_EQ(progress->text, "b");
  EXPECT_EQ(page.ReadProgress(kOther), std::nullopt);
}

TEST(ClaimPageProgress, NonsenseOfAHostileWorkerIsMadeHarmless) {
  ClaimPage page = ClaimPage::Create();
  page.ReportProgress(kAttempt, -7, "\xff");
  EXPECT_EQ(page.ReadProgress(kAttempt)->fraction, 0);
  EXPECT_EQ(page.ReadProgress(kAttempt)->text, "\xef\xbf\xbd");
  page.ReportProgress(kAttempt, 7, std::string(1000, 'x'));
  EXPECT_EQ(page.ReadProgress(kAttempt)->fraction, 1);
  EXPECT_EQ(page.ReadProgress(kAttempt)->text,
            std::string(ClaimPage::kProgressBytes, 'x'));
}

TEST(ClaimPageProgress, IsReadWholeWhileItIsWritten) {
  ClaimPage page = ClaimPage::Create();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; i = (i + 1) % 10) {
      page.ReportProgress(kAttempt, i / 10.0,
                          std::string(20 * i, static_cast<char>('0' + i)));
    }
  });
  for (int reads = 0; reads < 1000; ++reads) {
    const auto progress = page.ReadProgress(kAttempt);
    if (!progress.has_value()) continue;
    const int i = static_cast<int>(progress->fraction * 10 + 0.5);
    EXPECT_EQ(progress->text, std::string(20 * i, static_cast<char>('0' + i)));
  }
  stop = true;
  writer.join();
}

TEST_P(EveryClaim, IsWhatLookSees) {
  EXPECT_EQ(PageAt(GetParam()).Look(0, kAttempt), GetParam());
}

TEST_P(EveryClaim, StartsOnlyIfPrefetched) {
  EXPECT_EQ(PageAt(GetParam()).Start(0, kAttempt),
            GetParam() == Claim::kPrefetched);
}

TEST_P(EveryClaim, IsRevokedOnlyIfPrefetched) {
  EXPECT_EQ(PageAt(GetParam()).Revoke(0, kAttempt),
            GetParam() == Claim::kPrefetched);
}

TEST_P(EveryClaim, FinishesOnlyIfStarted) {
  EXPECT_EQ(PageAt(GetParam()).Finish(0, kAttempt),
            GetParam() == Claim::kStarted);
}

TEST_P(EveryClaim, IsAnsweredOnlyIfStarted) {
  EXPECT_EQ(PageAt(GetParam()).Answer(0, kAttempt, "other"),
            GetParam() == Claim::kStarted);
}

TEST_P(EveryClaim, HasAnAnswerOnlyIfAnswered) {
  EXPECT_EQ(PageAt(GetParam()).TakeAnswer(0, kAttempt).has_value(),
            GetParam() == Claim::kAnswered);
}

TEST_P(EveryClaim, HasNoAnswerOfAnotherAttempt) {
  EXPECT_EQ(PageAt(GetParam()).TakeAnswer(0, kOther), std::nullopt);
}

TEST_P(EveryClaim, IsInterruptedOnlyIfNotOver) {
  EXPECT_EQ(PageAt(GetParam()).Interrupt(0, kAttempt),
            GetParam() == Claim::kPrefetched || GetParam() == Claim::kStarted);
}

TEST_P(EveryClaim, RemainsAfterChangesOfAnotherAttempt) {
  ClaimPage page = PageAt(GetParam());
  page.Start(0, kOther);
  page.Revoke(0, kOther);
  page.Finish(0, kOther);
  page.Interrupt(0, kOther);
  page.Answer(0, kOther, "other");
  EXPECT_EQ(page.Look(0, kAttempt), GetParam());
}

TEST_P(EveryClaim, IsUnknownOfAnotherAttempt) {
  EXPECT_EQ(PageAt(GetParam()).Look(0, kOther), Claim::kUnknown);
}

TEST_P(EveryClaim, EndsWithTheNextPrefetch) {
  ClaimPage page = PageAt(GetParam());
  page.Prefetch(0, kOther);
  EXPECT_EQ(page.Look(0, kOther), Claim::kPrefetched);
}

TEST_P(EveryClaim, KeepsAnotherSlotFromStartingOnlyIfKilled) {
  ClaimPage page = PageAt(GetParam());
  page.Prefetch(1, kOther);
  EXPECT_EQ(page.Start(1, kOther), GetParam() != Claim::kKilled);
}

TEST(ClaimPage, SlotsAreIndependent) {
  ClaimPage page = ClaimPage::Create();
  page.Prefetch(0, kAttempt);
  page.Prefetch(1, kAttempt);
  page.Start(1, kAttempt);
  EXPECT_EQ(page.Look(0, kAttempt), Claim::kPrefetched);
}

TEST(ClaimPage, KeepsAnswersOfAllSizesThatFit) {
  ClaimPage page = ClaimPage::Create();
  for (size_t size = 0; size <= ClaimPage::kAnswerBytes; ++size) {
    const std::string answer(size, 'a');
    page.Prefetch(0, size + 1);
    page.Start(0, size + 1);
    page.Answer(0, size + 1, answer);
    EXPECT_EQ(page.TakeAnswer(0, size + 1), answer);
  }
}

// A hostile worker writes what it likes to its own page.
TEST(ClaimPage, BelievesNoSizeThatIsTooLarge) {
  ClaimPage page = PageAt(Claim::kAnswered);
  void* const memory =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page.fd(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  const uint32_t size = 0xffffffff;
  std::memcpy(static_cast<char*>(memory) + sizeof(uint64_t), &size,
              sizeof(size));
  munmap(memory, 4096);
  ASSERT_TRUE(page.TakeAnswer(0, kAttempt).has_value());
  EXPECT_EQ(page.TakeAnswer(0, kAttempt)->size(), ClaimPage::kAnswerBytes);
}

TEST(ClaimPage, MakesTheWorkerRingForEachAnswerAtFirst) {
  EXPECT_TRUE(ClaimPage::Create().MustNotify(1));
}

TEST(ClaimPage, MakesTheWorkerNotifyFromAnAttemptOn) {
  ClaimPage page = ClaimPage::Create();
  page.NotifyFrom(kOther);
  EXPECT_FALSE(page.MustNotify(kOther - 1));
  EXPECT_TRUE(page.MustNotify(kOther));
  EXPECT_TRUE(page.MustNotify(kOther + 1));
}

TEST(ClaimPage, KeepsTheLargestAttempt) {
  constexpr uint64_t kLargest = (uint64_t{1} << 61) - 1;
  ClaimPage page = ClaimPage::Create();
  page.Prefetch(0, kLargest);
  EXPECT_EQ(page.Look(0, kLargest), Claim::kPrefetched);
}

TEST(ClaimPage, HasNoLastWordsAtFirst) {
  EXPECT_FALSE(ClaimPage::Create().noted_stack_overflow());
}

TEST(ClaimPage, AttachedPageIsTheSame) {
  ClaimPage page = ClaimPage::Create();
  ClaimPage attached = ClaimPage::Attach(page.fd());
  page.Prefetch(0, kAttempt);
  EXPECT_TRUE(attached.Start(0, kAttempt));
}

TEST(ClaimPage, LastWordsReachTheOtherSide) {
  ClaimPage page = ClaimPage::Create();
  ClaimPage::Attach(page.fd()).NoteStackOverflow();
  EXPECT_TRUE(page.noted_stack_overflow());
}

TEST(ClaimPage, OutlivesAKilledProcess) {
  ClaimPage page = ClaimPage::Create();
  page.Prefetch(0, kAttempt);
  const pid_t child = fork();
  ASSERT_NE(child, -1);
  if (child == 0) {
    page.Start(0, kAttempt);
    raise(SIGKILL);
  }
  RetryOnEintr([&] { return waitpid(child, nullptr, 0); });
  EXPECT_EQ(page.Look(0, kAttempt), Claim::kStarted);
}

TEST(ClaimPage, DescriptorIsCloseOnExec) {
  EXPECT_EQ(fcntl(ClaimPage::Create().fd(), F_GETFD), FD_CLOEXEC);
}

TEST(ClaimPage, CanBeNeitherShrunkNorGrown) {
  const ClaimPage page = ClaimPage::Create();
  EXPECT_EQ(ftruncate(page.fd(), 0), -1);
  EXPECT_EQ(ftruncate(page.fd(), 8192), -1);
}

TEST(ClaimPage, AttachRefusesAnEmptyFile) {
  const UniqueFd empty(memfd_create("empty", MFD_CLOEXEC));
  EXPECT_THROW(ClaimPage::Attach(empty.get()), std::system_error);
}

TEST(ClaimPage, AttachRefusesAClosedDescriptor) {
  EXPECT_THROW(ClaimPage::Attach(-1), std::system_error);
}

TEST(ClaimPage, GarbageIsUnknown) {
  const ClaimPage page = ClaimPage::Create();
  void* const memory =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page.fd(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  static_cast<uint64_t*>(memory)[0] = kAttempt << 3 | 7;
  EXPECT_EQ(page.Look(0, kAttempt), Claim::kUnknown);
  munmap(memory, 4096);
}

TEST(ClaimPage, MovedPageIsTheSame) {
  ClaimPage page = ClaimPage::Create();
  page.Prefetch(0, kAttempt);
  ClaimPage assigned = ClaimPage::Create();
  assigned = std::move(page);
  const ClaimPage moved = std::move(assigned);
  EXPECT_EQ(moved.Look(0, kAttempt), Claim::kPrefetched);
}

// Two threads, each with its own mapping, race for a task in each round, and
// come there at the same time.
template <typename Prepare, typename Worker, typename Parent>
int CountRoundsWithoutExactlyOneWinner(Prepare prepare, Worker worker,
                                       Parent parent) {
  constexpr uint64_t kRounds = 10'000;
  ClaimPage page = ClaimPage::Create();
  ClaimPage attached = ClaimPage::Attach(page.fd());
  std::atomic<uint64_t> begun = 0;
  std::atomic<uint64_t> ended = 0;
  std::atomic<bool> worker_won = false;
  std::thread thread([&] {
    for (uint64_t round = 1; round <= kRounds; ++round) {
      while (begun.load() < round) std::this_thread::yield();
      worker_won = worker(attached, round);
      ended = round;
    }
  });
  int wrong = 0;
  for (uint64_t round = 1; round <= kRounds; ++round) {
    prepare(page, round);
    begun = round;
    const bool parent_won = parent(page, round);
    while (ended.load() < round) std::this_thread::yield();
    if (parent_won == worker_won) ++wrong;
  }
  thread.join();
  return wrong;
}

TEST(ClaimPage, SaysOfWhichAttemptTheResultInEachFileIsRead) {
  ClaimPage page = ClaimPage::Create();
  ClaimPage attached = ClaimPage::Attach(page.fd());
  EXPECT_FALSE(attached.IsResultRead(1, 7));
  page.SetResultRead(1, 7);
  EXPECT_TRUE(attached.IsResultRead(1, 7));
  EXPECT_FALSE(attached.IsResultRead(0, 7));
  EXPECT_FALSE(attached.IsResultRead(1, 6));
}

TEST(ClaimPage, ExactlyOneOfStartAndRevokeWins) {
  EXPECT_EQ(
      CountRoundsWithoutExactlyOneWinner(
          [](ClaimPage& page, uint64_t round) { page.Prefetch(0, round); },
          [](ClaimPage& page, uint64_t round) { return page.Start(0, round); },
          [](ClaimPage& page, uint64_t round) {
            return page.Revoke(0, round);
          }),
      0);
}

TEST(ClaimPage, ExactlyOneOfFinishAndInterruptWins) {
  EXPECT_EQ(
      CountRoundsWithoutExactlyOneWinner(
          [](ClaimPage& page, uint64_t round) {
            page.Prefetch(0, round);
            page.Start(0, round);
          },
          [](ClaimPage& page, uint64_t round) { return page.Finish(0, round); },
          [](ClaimPage& page, uint64_t round) {
            return page.Interrupt(0, round);
          }),
      0);
}

// A worker whose task was revoked would go on to the next, and that would die
// with it.
TEST(ClaimPage, NothingStartsBehindAnInterruptedPrefetch) {
  ClaimPage page = ClaimPage::Create();
  page.Prefetch(0, 1);
  page.Prefetch(1, 2);
  EXPECT_TRUE(page.Interrupt(0, 1));
  EXPECT_FALSE(page.Start(0, 1));
  EXPECT_FALSE(page.Start(1, 2));
  EXPECT_TRUE(page.Revoke(1, 2));
}

// The worker goes through two slots in turn while the parent interrupts one
// task; nothing is started after that.
TEST(ClaimPage, NothingStartsAfterAnInterruption) {
  for (int round = 0; round < 1000; ++round) {
    ClaimPage page = ClaimPage::Create();
    ClaimPage attached = ClaimPage::Attach(page.fd());
    page.Prefetch(0, 1);
    page.Prefetch(1, 2);
    bool second_started = false;
    std::thread worker([&] {
      attached.Start(0, 1);
      attached.Finish(0, 1);
      second_started = attached.Start(1, 2);
    });
    while (page.Look(0, 1) == Claim::kPrefetched) std::this_thread::yield();
    const bool interrupted = page.Interrupt(0, 1);
    worker.join();
    ASSERT_NE(interrupted, second_started);
  }
}

TEST(ClaimPage, CallsOfATaskAreReadByItsAttempt) {
  ClaimPage page = ClaimPage::Create();
  ClaimPage attached = ClaimPage::Attach(page.fd());
  EXPECT_EQ(page.ReadCalls(7), 0u);
  attached.NoteCalls(7, 1);
  attached.NoteCalls(7, 2);
  EXPECT_EQ(page.ReadCalls(7), 2u);
  EXPECT_EQ(page.ReadCalls(8), 0u);
  attached.NoteCalls(8, 1);
  EXPECT_EQ(page.ReadCalls(7), 0u);
  EXPECT_EQ(page.ReadCalls(8), 1u);
}

}  // namespace
}  // namespace asyncpal::internal
