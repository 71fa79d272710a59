#ifndef ASYNCPAL_IPC_PAYLOAD_H_
#define ASYNCPAL_IPC_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/ipc/internal/fd.h"

namespace asyncpal {

// How large the arguments or the result of a call may be by default.
inline constexpr int64_t kDefaultMaxPayloadBytes = int64_t{4} << 30;

namespace internal {

// More than this goes into a memfd.
inline constexpr size_t kMaxInlineBytes = 32 * 1024;

// How many payloads that wait to be sent may be memfds at the same time, so
// that pending tasks leave descriptors to the program. Beyond, and beyond an
// eighth of what the program may open, they are bytes in memory until they are
// sent.
inline constexpr int kMaxPayloadDescriptors = 32;

// One of these descriptors, to be given back.
//
// Threads: any.
class DescriptorSlot {
 public:
  DescriptorSlot() = default;  // none
  static DescriptorSlot TryTake();
  DescriptorSlot(DescriptorSlot&& other) noexcept
      : is_taken_(std::exchange(other.is_taken_, false)) {}
  DescriptorSlot& operator=(DescriptorSlot&& other) noexcept {
    DescriptorSlot old(std::move(*this));
    is_taken_ = std::exchange(other.is_taken_, false);
    return *this;
  }
  ~DescriptorSlot() {
    if (is_taken_) GiveBack();
  }

  explicit operator bool() const { return is_taken_; }

 private:
  static void GiveBack();

  bool is_taken_ = false;
};

// Values inside values, each of them a class. What nests deeper could
// overflow the stack of the one that decodes it.
inline constexpr int kMaxNesting = 2000;

// "invalid <what> <value> ..." as a SerializationError.
[[noreturn]] void ThrowInvalidData(const char* what, uint64_t value);
[[noreturn]] void ThrowNestedTooDeeply();

}  // namespace internal

// Encoded arguments or results on their way: bytes in memory, or a sealed memfd
// when they are many. Encoder makes it; Decoder reads it, any number of times.
//
// Threads: const use from any number of threads.
class Payload {
 public:
  Payload() = default;  // no bytes
  // Bytes in memory.
  static Payload OfBytes(std::string bytes) {
    return Payload(std::move(bytes));
  }
  // The first `size` bytes of the file, whatever its offset. `size` may come
  // from another process: Decoder checks it.
  static Payload OfMemfd(internal::UniqueFd memfd, uint64_t size);
  // A sealed memfd of its own with the bytes; no bytes where none can be had or
  // filled.
  static Payload CopyToMemfd(absl::Span<const char> bytes);

  uint64_t size() const { return is_memfd() ? memfd_size_ : bytes_.size(); }
  bool is_memfd() const { return static_cast<bool>(memfd_); }
  int memfd() const { return memfd_.get(); }  // still the payload's own
  // Empty when it is a memfd.
  absl::Span<const char> bytes() const { return bytes_; }

 private:
  explicit Payload(std::string bytes) : bytes_(std::move(bytes)) {}

  friend class Encoder;

  std::string bytes_;
  internal::UniqueFd memfd_;
  uint64_t memfd_size_ = 0;
  internal::DescriptorSlot slot_;
};

// Writes values one after the other, without tags, in the machine's own byte
// order. Beyond 32 KiB the bytes go to a memfd, large blocks straight from the
// caller's memory; where no memfd can be had or filled, or many payloads have
// one already, they stay in memory.
//
//   Encoder out;
//   out.Write(std::string("width"));
//   out.Write(12.5);
//   Payload payload = out.Finish();
//
// Threads: one at a time.
// Errors: SerializationError when it would be more than `max_bytes`, or nested
// too deeply. After an error the encoder must not be used any more, but for
// Rewind().
class Encoder {
 public:
  explicit Encoder(int64_t max_bytes = kDefaultMaxPayloadBytes,
                   bool may_use_memfd = true)
      : max_bytes_(max_bytes > 0 ? max_bytes : 0),
        may_use_memfd_(may_use_memfd),
        heap_only_(!may_use_memfd) {
    SetBufferLimit();
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  // Writes the bytes as they are.
  void WriteBytes(const void* data, size_t size) {
    if (size > buffer_limit_ - buffer_.size()) return WriteBeyond(data, size);
    buffer_.append(static_cast<const char*>(data), size);
  }

  // As Codec<T> says; needs codec.h.
  template <typename T>
  void Write(const T& value);

  // A count of elements, for Decoder::ReadSize().
  void WriteSize(uint64_t size) { WriteBytes(&size, sizeof(size)); }

  // So far.
  uint64_t size() const { return flushed_ + buffer_.size(); }

  // Forgets what was written beyond the first `size` bytes, of which there are
  // as many. Also after an error, and then the encoder can be used again.
  void Rewind(uint64_t size);

  // Leaves the encoder empty.
  Payload Finish();

 private:
  void WriteBeyond(const void* data, size_t size);
  bool StartMemfd();
  bool Flush();
  bool WriteToMemfd(const void* data, size_t size);
  void ReturnToHeap();
  void SetBufferLimit() {
    const uint64_t left = max_bytes_ - flushed_;
    buffer_limit_ = heap_only_ || left < internal::kMaxInlineBytes
                        ? left
                        : internal::kMaxInlineBytes;
  }

  const uint64_t max_bytes_;
  const bool may_use_memfd_;
  bool heap_only_;
  int nesting_ = 0;
  internal::UniqueFd memfd_;
  internal::DescriptorSlot slot_;  // for it
  uint64_t memfd_limit_ = 0;       // of its size, by RLIMIT_FSIZE
  uint64_t flushed_ = 0;           // bytes in the memfd
  std::string buffer_;             // what comes after them
  uint64_t buffer_limit_;          // never less than the buffer's size
};

// Reads back what an Encoder wrote, in the same order and as the same types.
//
//   Decoder in(payload);
//   auto name = in.Read<std::string>();
//   auto value = in.Read<double>();
//   in.ExpectEnd();
//
// Threads: one at a time for each decoder.
// Lifetime: the payload must outlive it.
// Errors: SerializationError for bytes that end too early or mean nothing. The
// bytes are not trusted: memory is taken only for what is really there.
class Decoder {
 public:
  explicit Decoder(const Payload& payload)
      : position_(payload.bytes().data()),
        end_(position_ + payload.bytes().size()),
        memfd_(payload.memfd()) {
    if (payload.is_memfd()) StartFile(payload);
    reserve_left_ = remaining() * kReservePerByte;
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Reads `size` bytes as they are.
  void ReadBytes(void* data, size_t size) {
    if (size > static_cast<size_t>(end_ - position_)) {
      return ReadBeyond(data, size);
    }
    if (size == 0) return;  // `data` may be null then
    std::memcpy(data, position_, size);
    position_ += size;
  }

  // As Codec<T> says; needs codec.h.
  template <typename T>
  T Read();

  // A count of elements, each of which takes at least this many bytes; an error
  // if what remains can't hold them all.
  uint64_t ReadSize(size_t min_bytes_per_element);

  uint64_t remaining() const { return (end_ - position_) + file_remaining_; }

  // Throws SerializationError if anything remains.
  void ExpectEnd();

  // How many of `count` elements to make room for ahead of reading them. All
  // grants together stay in proportion to the payload, whatever it claims.
  size_t GrantReserve(uint64_t count, size_t bytes_per_element);

 private:
  // Honest values in memory are rarely larger than this many times their
  // encoding: a std::string of 32 bytes has at least 8.
  static constexpr uint64_t kReservePerByte = 8;

  void StartFile(const Payload& payload);
  void ReadBeyond(void* data, size_t size);
  void ReadFile(void* data, size_t size);

  const char* position_;  // in the payload's bytes, or in buffer_
  const char* end_;
  const int memfd_;
  uint64_t file_offset_ = 0;
  uint64_t file_remaining_ = 0;  // not yet in buffer_
  uint64_t reserve_left_;
  int nesting_ = 0;
  char buffer_[4096];  // for small reads of a memfd
};

}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_PAYLOAD_H_
