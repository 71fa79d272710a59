#include "asyncpal/ipc/payload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/internal/file_loan.h"

namespace asyncpal {
namespace {

using internal::RetryOnEintr;
using internal::UniqueFd;

// A block of this size or more does not pass through the encoder's buffer.
constexpr size_t kDirectBytes = 16 * 1024;

UniqueFd CreateMemfd() {
  return internal::OffStandardStreams(UniqueFd(
      memfd_create("asyncpal-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
}

// Writing past RLIMIT_FSIZE would kill the program by a signal.
uint64_t GetFileSizeLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<uint64_t>::max();
  }
  return limit.rlim_cur;
}

// Unsealed, another process could change the bytes while they are read.
bool Seal(int memfd) {
  return fcntl(memfd, F_ADD_SEALS,
               F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
}

bool WriteAll(int fd, const char* data, size_t size, uint64_t offset) {
  while (size > 0) {
    const ssize_t n = RetryOnEintr(
        [&] { return pwrite(fd, data, size, static_cast<off_t>(offset)); });
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  return true;
}

std::string DescribeErrno() { return std::generic_category().message(errno); }

}  // namespace

namespace internal {

void ThrowInvalidData(const char* what, uint64_t value) {
  throw SerializationError(absl::StrCat(
      "invalid ", what, " ", value,
      " in an encoded value: it is damaged, or was encoded as another type"));
}

void ThrowNestedTooDeeply() {
  throw SerializationError(absl::StrCat(
      "a value to encode or decode is nested in more than ", kMaxNesting,
      " others: make it flatter, or give the outer type a Codec that writes ",
      "it as a list"));
}

// Only a count: nothing else depends on it.
constinit std::atomic<int> taken_slots{0};

DescriptorSlot DescriptorSlot::TryTake() {
  DescriptorSlot slot;
  rlimit open_files;
  const uint64_t share = getrlimit(RLIMIT_NOFILE, &open_files) == 0
                             ? open_files.rlim_cur / 8
                             : kMaxPayloadDescriptors;
  const auto most = std::min<uint64_t>(kMaxPayloadDescriptors, share);
  if (static_cast<uint64_t>(
          taken_slots.fetch_add(1, std::memory_order_relaxed)) < most) {
    slot.is_taken_ = true;
  } else {
    GiveBack();
  }
  return slot;
}

void DescriptorSlot::GiveBack() {
  taken_slots.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace internal

Payload Payload::CopyToMemfd(absl::Span<const char> bytes) {
  UniqueFd memfd = CreateMemfd();
  if (!memfd || bytes.size() > GetFileSizeLimit() ||
      !WriteAll(memfd.get(), bytes.data(), bytes.size(), 0) ||
      !Seal(memfd.get())) {
    return Payload();
  }
  return OfMemfd(std::move(memfd), bytes.size());
}

Payload Payload::OfMemfd(internal::UniqueFd memfd, uint64_t size) {
  Payload payload;
  payload.memfd_ = std::move(memfd);
  payload.memfd_size_ = size;
  return payload;
}

// How Encoder works: bytes collect in buffer_ up to buffer_limit_, and one
// comparison tells whether they fit. What happens at the limit depends on the
// state. At first it is an error or the start of a memfd; with a memfd the
// buffer is flushed to it; with heap_only_ the limit is max_bytes_ itself. A
// memfd that can't take its bytes any more is read back, and heap_only_ set.

void Encoder::WriteBeyond(const void* data, size_t size) {
  if (size > max_bytes_ - this->size()) {
    // The sum may be more than 64 bits can hold.
    const uint64_t room = std::numeric_limits<uint64_t>::max() - this->size();
    throw SerializationError(absl::StrCat(
        "the encoded value has ", this->size() + std::min<uint64_t>(size, room),
        " bytes or more, and max_payload_bytes is ", max_bytes_,
        ": send less, or raise max_payload_bytes"));
  }
  const bool flushed = (memfd_ || StartMemfd()) && Flush();
  if (flushed && size >= kDirectBytes && WriteToMemfd(data, size)) {
    SetBufferLimit();
    return;
  }
  if (!flushed || size >= kDirectBytes) ReturnToHeap();
  buffer_.append(static_cast<const char*>(data), size);
}

bool Encoder::StartMemfd() {
  slot_ = internal::DescriptorSlot::TryTake();
  if (slot_) memfd_ = internal::FileLoan::TakeFor(*this);
  if (slot_ && !memfd_) memfd_ = CreateMemfd();
  if (!memfd_) return false;
  memfd_limit_ = GetFileSizeLimit();
  return true;
}

bool Encoder::Flush() {
  if (!WriteToMemfd(buffer_.data(), buffer_.size())) return false;
  buffer_.clear();
  SetBufferLimit();
  return true;
}

// All of it, or no change to flushed_.
bool Encoder::WriteToMemfd(const void* data, size_t size) {
  if (size > memfd_limit_ || flushed_ > memfd_limit_ - size) return false;
  if (!WriteAll(memfd_.get(), static_cast<const char*>(data), size, flushed_)) {
    return false;
  }
  flushed_ += size;
  return true;
}

void Encoder::ReturnToHeap() {
  std::string all;
  if (flushed_ > 0) {
    all.resize(flushed_);
    size_t done = 0;
    while (done < flushed_) {
      const ssize_t n = RetryOnEintr([&] {
        return pread(memfd_.get(), all.data() + done, flushed_ - done,
                     static_cast<off_t>(done));
      });
      if (n <= 0) {
        throw SerializationError(absl::StrCat(
            "can't read back ", flushed_, " encoded bytes from a full memfd: ",
            n < 0 ? DescribeErrno() : "it is shorter than what was written"));
      }
      done += static_cast<size_t>(n);
    }
  }
  all += buffer_;
  buffer_ = std::move(all);
  memfd_.Reset();
  slot_ = {};
  flushed_ = 0;
  heap_only_ = true;
  SetBufferLimit();
}

void Encoder::Rewind(uint64_t size) {
  if (size < flushed_) {
    // What lies in the memfd beyond is overwritten, or not read.
    flushed_ = size;
    buffer_.clear();
    SetBufferLimit();
  } else {
    buffer_.resize(size - flushed_);
  }
}

Payload Encoder::Finish() {
  if (memfd_) {
    const bool is_lent = internal::FileLoan::IsTakenBy(*this);
    if (!Flush() || !(is_lent || Seal(memfd_.get()))) ReturnToHeap();
  }
  Payload payload = memfd_ ? Payload::OfMemfd(std::move(memfd_), flushed_)
                           : Payload::OfBytes(std::move(buffer_));
  payload.slot_ = std::move(slot_);
  buffer_.clear();
  flushed_ = 0;
  heap_only_ = !may_use_memfd_;
  SetBufferLimit();
  return payload;
}

void Decoder::StartFile(const Payload& payload) {
  struct stat file;
  if (fstat(memfd_, &file) != 0) {
    throw SerializationError(
        absl::StrCat("can't read a payload's memfd: ", DescribeErrno()));
  }
  if (static_cast<uint64_t>(file.st_size) < payload.size()) {
    throw SerializationError(absl::StrCat("a payload's memfd has ",
                                          file.st_size, " bytes, but ",
                                          payload.size(), " were announced"));
  }
  file_remaining_ = payload.size();
  position_ = end_ = buffer_;
}

void Decoder::ReadBeyond(void* data, size_t size) {
  if (size > remaining()) {
    throw SerializationError(absl::StrCat(
        "an encoded value ends too early: ", size, " bytes are needed and ",
        remaining(), " are left; it is damaged, or was encoded as another ",
        "type"));
  }
  char* to = static_cast<char*>(data);
  const size_t buffered = end_ - position_;
  if (buffered > 0) {
    std::memcpy(to, position_, buffered);
    to += buffered;
    size -= buffered;
  }
  position_ = end_ = buffer_;
  if (size >= sizeof(buffer_)) {
    ReadFile(to, size);
    return;
  }
  const size_t ahead = std::min<uint64_t>(sizeof(buffer_), file_remaining_);
  ReadFile(buffer_, ahead);
  end_ = position_ + ahead;
  std::memcpy(to, position_, size);
  position_ += size;
}

void Decoder::ReadFile(void* data, size_t size) {
  char* to = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = RetryOnEintr([&] {
      return pread(memfd_, to, size, static_cast<off_t>(file_offset_));
    });
    if (n <= 0) {
      throw SerializationError(absl::StrCat(
          "can't read ", size, " bytes at ", file_offset_,
          " of a payload's memfd: ",
          n < 0 ? DescribeErrno() : "another process has shortened it"));
    }
    to += n;
    size -= n;
    file_offset_ += n;
    file_remaining_ -= n;
  }
}

uint64_t Decoder::ReadSize(size_t min_bytes_per_element) {
  uint64_t count;
  ReadBytes(&count, sizeof(count));
  if (min_bytes_per_element > 0 &&
      count > remaining() / min_bytes_per_element) {
    throw SerializationError(absl::StrCat(
        "an encoded value claims ", count, " elements of at least ",
        min_bytes_per_element, " bytes, and ", remaining(),
        " bytes are left; it is damaged, or was encoded as another type"));
  }
  return count;
}

void Decoder::ExpectEnd() {
  if (remaining() == 0) return;
  throw SerializationError(absl::StrCat(
      remaining(), " bytes are left over after an encoded value: its Codec ",
      "reads less than it writes, or it was encoded as another type"));
}

size_t Decoder::GrantReserve(uint64_t count, size_t bytes_per_element) {
  const size_t granted =
      std::min<uint64_t>(count, reserve_left_ / bytes_per_element);
  reserve_left_ -= granted * bytes_per_element;
  return granted;
}

}  // namespace asyncpal
