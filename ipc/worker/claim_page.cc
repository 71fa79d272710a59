#include "asyncpal/ipc/worker/claim_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

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

void ClaimPage::Offer(int slot, uint64_t attempt) {
  WordOf(slot).store(Word(attempt, Claim::kOffered), std::memory_order_release);
}

bool ClaimPage::Revoke(int slot, uint64_t attempt) {
  // The worker may have begun it without a look at this page.
  if (!is_shared_) return false;
  return Change(slot, attempt, Claim::kOffered, Claim::kRevoked);
}

bool ClaimPage::Interrupt(int slot, uint64_t attempt) {
  // In this order: it may be started in between.
  return Change(slot, attempt, Claim::kOffered, Claim::kKilled) ||
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
  return Change(slot, attempt, Claim::kOffered, Claim::kStarted);
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

void ClaimPage::NoteStackOverflow() {
  std::atomic_ref<uint64_t>(page_->last_words.word)
      .store(kStackOverflow, std::memory_order_release);
}

bool ClaimPage::noted_stack_overflow() const {
  return std::atomic_ref<uint64_t>(page_->last_words.word)
             .load(std::memory_order_acquire) == kStackOverflow;
}

}  // namespace asyncpal::internal
