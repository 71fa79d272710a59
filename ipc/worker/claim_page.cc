#include "asyncpal/ipc/worker/claim_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "asyncpal/ipc/errors/utf8.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr int kClaimBits = 3;
constexpr uint64_t kClaimMask = (1 << kClaimBits) - 1;
constexpr uint64_t kStackOverflow = 0x73746b2d6f766572;

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

uint64_t Word(uint64_t attempt, ClaimPage::Claim claim) {
  return attempt << kClaimBits | static_cast<uint64_t>(claim);
}

void* Map(int flags, int fd) {
  void* const page =
      mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (page == MAP_FAILED) ThrowErrno("can't map a page of claims");
  return page;
}

// A file of one page that keeps its size. None where the kernel gives no such
// file, by its age or by its orders (seccomp): a worker that could shorten the
// file would end its parent by SIGBUS.
UniqueFd MakeSealedPage() {
  UniqueFd fd = OffStandardStreams(UniqueFd(
      memfd_create("asyncpal-claims", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
  if (fd) {
    if (RetryOnEintr([&] { return ftruncate(fd.get(), kPageBytes); }) == 0 &&
        fcntl(fd.get(), F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
      return fd;
    }
    fd.Reset();
  }
  if (errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EINVAL) {
    return UniqueFd();
  }
  ThrowErrno("can't create a page of claims (memfd_create)");
}

}  // namespace

namespace {

// A sequence lock: who reads copies word by word, and believes it if the
// sequence has not changed meanwhile. A word that was read acquires, so that
// the sequence which was written before it is seen after it.
constexpr size_t kProgressWords =
    3 + ClaimPage::kProgressBytes / sizeof(uint64_t);
using ProgressWords = std::array<uint64_t, kProgressWords>;

}  // namespace

// Plain words, since the memory comes from the kernel; both processes go
// through atomic references. One cache line for each.
struct ClaimPage::Page {
  struct alignas(64) Slot {
    uint64_t word;
    uint32_t answer_size;
    char answer[kAnswerBytes];
  };
  struct alignas(64) Line {
    uint64_t word;
  };
  Slot slots[kSlots];
  Line last_words;
  Line notify_from;
  CrashStack crash_stack;
  struct Progress {
    uint64_t attempt;
    double fraction;
    uint64_t size;
    char text[kProgressBytes];
  };
  uint64_t progress_sequence;  // odd: somebody writes
  ProgressWords progress;      // a Progress
  Line notes_stacks;
  struct alignas(64) Calls {
    uint64_t attempt;
    uint64_t begun;
  };
  Calls calls;
  uint64_t results_read[kResultFiles];
};

static_assert(std::atomic_ref<uint64_t>::is_always_lock_free,
              "a lock of another process's memory protects nothing");

ClaimPage ClaimPage::Create() {
  UniqueFd fd = MakeSealedPage();
  const bool is_shared = static_cast<bool>(fd);
  void* const page = is_shared ? Map(MAP_SHARED, fd.get())
                               : Map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  return ClaimPage(std::move(fd), static_cast<Page*>(page), is_shared);
}

ClaimPage ClaimPage::Attach(int fd) {
  // Beyond a file's end, memory is mapped but can't be touched.
  struct stat status;
  if (fstat(fd, &status) == -1) ThrowErrno("can't examine a page of claims");
  if (status.st_size < static_cast<off_t>(kPageBytes)) {
    errno = EINVAL;
    ThrowErrno("a descriptor is no page of claims");
  }
  return ClaimPage(UniqueFd(), static_cast<Page*>(Map(MAP_SHARED, fd)),
                   /*is_shared=*/true);
}

ClaimPage::ClaimPage(UniqueFd fd, Page* page, bool is_shared)
    : fd_(std::move(fd)), page_(page), is_shared_(is_shared) {
  static_assert(sizeof(Page) <= kPageBytes);
}

ClaimPage::ClaimPage(ClaimPage&& other) noexcept
    : fd_(std::move(other.fd_)),
      page_(std::exchange(other.page_, nullptr)),
      is_shared_(other.is_shared_) {}

ClaimPage& ClaimPage::operator=(ClaimPage&& other) noexcept {
  ClaimPage moved(std::move(other));
  std::swap(fd_, moved.fd_);
  std::swap(page_, moved.page_);
  std::swap(is_shared_, moved.is_shared_);
  return *this;
}

ClaimPage::~ClaimPage() {
  if (page_ != nullptr) munmap(page_, kPageBytes);
}

std::atomic_ref<uint64_t> ClaimPage::WordOf(int slot) const {
  return std::atomic_ref<uint64_t>(page_->slots[slot].word);
}

bool ClaimPage::Change(int slot, uint64_t attempt, Claim from, Claim to) {
  uint64_t expected = Word(attempt, from);
  return WordOf(slot).compare_exchange_strong(expected, Word(attempt, to),
                                              std::memory_order_acq_rel);
}

void ClaimPage::Prefetch(int slot, uint64_t attempt) {
  WordOf(slot).store(Word(attempt, Claim::kPrefetched),
                     std::memory_order_release);
}

bool ClaimPage::Revoke(int slot, uint64_t attempt) {
  // The worker may have begun it without a look at this page.
  if (!is_shared_) return false;
  return Change(slot, attempt, Claim::kPrefetched, Claim::kRevoked);
}

bool ClaimPage::Interrupt(int slot, uint64_t attempt) {
  // In this order: it may be started in between.
  return Change(slot, attempt, Claim::kPrefetched, Claim::kKilled) ||
         Change(slot, attempt, Claim::kStarted, Claim::kKilled);
}

ClaimPage::Claim ClaimPage::Look(int slot, uint64_t attempt) const {
  const uint64_t word = WordOf(slot).load(std::memory_order_acquire);
  const uint64_t claim = word & kClaimMask;
  if (word >> kClaimBits != attempt ||
      claim > static_cast<uint64_t>(Claim::kAnswered)) {
    return Claim::kUnknown;
  }
  return static_cast<Claim>(claim);
}

bool ClaimPage::Start(int slot, uint64_t attempt) {
  // A worker starts a task after it has tried to finish the one before, so an
  // interruption of that one is visible by now.
  for (int other = 0; other < kSlots; ++other) {
    const uint64_t word = WordOf(other).load(std::memory_order_acquire);
    if ((word & kClaimMask) == static_cast<uint64_t>(Claim::kKilled)) {
      return false;
    }
  }
  return Change(slot, attempt, Claim::kPrefetched, Claim::kStarted);
}

bool ClaimPage::Finish(int slot, uint64_t attempt) {
  return Change(slot, attempt, Claim::kStarted, Claim::kFinished);
}

// An answer and the parent's word of whom to notify are like the two flags of
// Dekker's algorithm: each side writes its own and then reads the other's, and
// one of them at least sees the change.
bool ClaimPage::Answer(int slot, uint64_t attempt,
                       absl::Span<const char> result) {
  Page::Slot& place = page_->slots[slot];
  std::memcpy(place.answer, result.data(), result.size());
  place.answer_size = static_cast<uint32_t>(result.size());
  uint64_t expected = Word(attempt, Claim::kStarted);
  return WordOf(slot).compare_exchange_strong(
      expected, Word(attempt, Claim::kAnswered), std::memory_order_seq_cst);
}

bool ClaimPage::MustNotify(uint64_t attempt) const {
  return std::atomic_ref<uint64_t>(page_->notify_from.word)
             .load(std::memory_order_seq_cst) <= attempt;
}

void ClaimPage::NotifyFrom(uint64_t attempt) {
  std::atomic_ref<uint64_t>(page_->notify_from.word)
      .store(attempt, std::memory_order_seq_cst);
}

std::optional<std::string> ClaimPage::TakeAnswer(int slot,
                                                 uint64_t attempt) const {
  if (WordOf(slot).load(std::memory_order_seq_cst) !=
      Word(attempt, Claim::kAnswered)) {
    return std::nullopt;
  }
  // Read once: a hostile worker may change it at any time.
  const Page::Slot& place = page_->slots[slot];
  const volatile uint32_t& size = place.answer_size;
  return std::string(place.answer, std::min<size_t>(size, kAnswerBytes));
}

void ClaimPage::SetResultRead(int file, uint64_t attempt) {
  std::atomic_ref<uint64_t>(page_->results_read[file])
      .store(attempt, std::memory_order_release);
}

bool ClaimPage::IsResultRead(int file, uint64_t attempt) const {
  return std::atomic_ref<uint64_t>(page_->results_read[file])
             .load(std::memory_order_acquire) == attempt;
}

void ClaimPage::ReportProgress(uint64_t attempt, double fraction,
                               std::string_view text) {
  Page::Progress progress = {};
  progress.attempt = attempt;
  progress.fraction = fraction;
  progress.size = std::min(text.size(), kProgressBytes);
  std::memcpy(progress.text, text.data(), progress.size);
  const auto words = std::bit_cast<ProgressWords>(progress);
  const std::atomic_ref<uint64_t> sequence(page_->progress_sequence);
  const uint64_t before =
      sequence.load(std::memory_order_relaxed) & ~uint64_t{1};
  sequence.store(before + 1, std::memory_order_relaxed);
  for (size_t i = 0; i < words.size(); ++i) {
    std::atomic_ref<uint64_t>(page_->progress[i])
        .store(words[i], std::memory_order_release);
  }
  sequence.store(before + 2, std::memory_order_release);
}

std::optional<TaskProgress> ClaimPage::ReadProgress(uint64_t attempt) const {
  const std::atomic_ref<uint64_t> sequence(page_->progress_sequence);
  // A worker that dies or is stopped while it writes leaves none.
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = sequence.load(std::memory_order_acquire);
    ProgressWords words;
    for (size_t word = 0; word < words.size(); ++word) {
      words[word] = std::atomic_ref<uint64_t>(page_->progress[word])
                        .load(std::memory_order_acquire);
    }
    if (before % 2 != 0 || sequence.load(std::memory_order_relaxed) != before) {
      continue;
    }
    const auto progress = std::bit_cast<Page::Progress>(words);
    if (before == 0 || progress.attempt != attempt) return std::nullopt;
    // A hostile worker may have written anything.
    const size_t size = std::min<uint64_t>(progress.size, kProgressBytes);
    return TaskProgress{
        .fraction =
            progress.fraction >= 0 ? std::min(progress.fraction, 1.0) : 0,
        .text = ToUtf8(std::string_view(progress.text, size), kProgressBytes)};
  }
  return std::nullopt;
}

// Two words are enough: they are read when their writer is dead. It leaves no
// number beside the attempt that is not its own.
void ClaimPage::NoteCalls(uint64_t attempt, uint64_t begun) {
  const std::atomic_ref<uint64_t> of(page_->calls.attempt);
  const std::atomic_ref<uint64_t> number(page_->calls.begun);
  if (of.load(std::memory_order_relaxed) != attempt) {
    of.store(0, std::memory_order_relaxed);
    number.store(begun, std::memory_order_release);
    of.store(attempt, std::memory_order_release);
  } else {
    number.store(begun, std::memory_order_release);
  }
}

uint64_t ClaimPage::ReadCalls(uint64_t attempt) const {
  if (std::atomic_ref<uint64_t>(page_->calls.attempt)
          .load(std::memory_order_acquire) != attempt) {
    return 0;
  }
  return std::atomic_ref<uint64_t>(page_->calls.begun)
      .load(std::memory_order_acquire);
}

void ClaimPage::NoteStackOverflow() {
  std::atomic_ref<uint64_t>(page_->last_words.word)
      .store(kStackOverflow, std::memory_order_release);
}

CrashStack& ClaimPage::crash_stack() const { return page_->crash_stack; }

void ClaimPage::SetNotesStacks() {
  std::atomic_ref<uint64_t>(page_->notes_stacks.word)
      .store(1, std::memory_order_release);
}

bool ClaimPage::notes_stacks() const {
  return std::atomic_ref<uint64_t>(page_->notes_stacks.word)
             .load(std::memory_order_acquire) == 1;
}

bool ClaimPage::noted_stack_overflow() const {
  return std::atomic_ref<uint64_t>(page_->last_words.word)
             .load(std::memory_order_acquire) == kStackOverflow;
}

}  // namespace asyncpal::internal
