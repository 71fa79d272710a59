#ifndef ASYNCPAL_IPC_CAPNP_CODEC_H_
#define ASYNCPAL_IPC_CAPNP_CODEC_H_

#include <capnp/common.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>
#include <kj/exception.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal {
namespace internal {

[[noreturn]] void ThrowInvalidMessage(const kj::Exception& cause);

// A message that has come from another process, as a flat array.
class ReceivedMessage {
 public:
  // Throws SerializationError unless all of it can be traversed.
  explicit ReceivedMessage(kj::Array<capnp::word> words);

  capnp::MessageReader& reader() { return reader_; }
  kj::ArrayPtr<const capnp::word> words() const { return words_; }

 private:
  const kj::Array<capnp::word> words_;
  capnp::FlatArrayMessageReader reader_;
};

void EncodeWords(kj::ArrayPtr<const capnp::word> words, Encoder& out);
void EncodeSegments(capnp::MessageBuilder& message, Encoder& out);
// Null for no words at all.
std::unique_ptr<ReceivedMessage> DecodeMessage(Decoder& in);

// Large enough for a message of this many words in one segment, within reason.
uint32_t FirstSegmentWords(uint64_t words);

}  // namespace internal

// A Cap'n Proto message that owns its memory, with a root of the struct type
// `Schema`. A task that is given a Builder or Reader of a struct receives it as
// this; a task may return it.
//
//   CapnpMessage<geo::Point> Mirror(const CapnpMessage<geo::Point>& point) {
//     CapnpMessage<geo::Point> result;
//     result.builder().setX(-point.reader().getX());
//     return result;
//   }
//
// Threads: one at a time, since Cap'n Proto counts what readers traverse.
// Lifetime: readers and builders are valid as long as the message, and readers
// only until the next call of builder(). A message that was moved from is
// empty. Errors: SerializationError for a reader of an invalid message, and for
// invalid bytes. Data that does not fit the schema is found when it is read,
// and is Cap'n Proto's own exception.
template <typename Schema>
class CapnpMessage {
 public:
  // Cap'n Proto's, for the root.
  using Reader = typename Schema::Reader;
  using Builder = typename Schema::Builder;

  CapnpMessage() = default;  // every field has its default
  explicit(false) CapnpMessage(const Reader& root) { CopyFrom(root); }

  CapnpMessage(const CapnpMessage& other) {
    if (other.built_ || other.received_) CopyFrom(other.reader());
  }
  CapnpMessage(CapnpMessage&&) = default;
  CapnpMessage& operator=(CapnpMessage other) noexcept {
    built_ = std::move(other.built_);
    received_ = std::move(other.received_);
    return *this;
  }

  Reader reader() const {
    if (built_) return built_->template getRoot<Schema>().asReader();
    if (received_) return received_->reader().template getRoot<Schema>();
    return Reader();
  }

  // Copies a message that was received, the first time.
  Builder builder() {
    if (received_) {
      CopyFrom(reader());
      received_.reset();
    }
    if (!built_) {
      built_ = std::make_unique<capnp::MallocMessageBuilder>();
      built_->template initRoot<Schema>();
    }
    return built_->template getRoot<Schema>();
  }

  operator Reader() const { return reader(); }
  operator Builder() { return builder(); }

 private:
  friend struct Codec<CapnpMessage>;

  void CopyFrom(const Reader& root) try {
    auto message = std::make_unique<capnp::MallocMessageBuilder>(
        internal::FirstSegmentWords(root.totalSize().wordCount));
    message->setRoot(root);
    built_ = std::move(message);
  } catch (const kj::Exception& cause) {
    internal::ThrowInvalidMessage(cause);
  }

  // At most one of them.
  std::unique_ptr<capnp::MallocMessageBuilder> built_;
  std::unique_ptr<internal::ReceivedMessage> received_;
};

template <typename Schema>
struct Codec<CapnpMessage<Schema>> {
  static constexpr size_t kMinBytes = sizeof(uint64_t);

  static void Encode(const CapnpMessage<Schema>& message, Encoder& out) {
    if (message.built_) {
      internal::EncodeSegments(*message.built_, out);
    } else {
      internal::EncodeWords(
          message.received_ ? message.received_->words() : nullptr, out);
    }
  }
  static CapnpMessage<Schema> Decode(Decoder& in) {
    CapnpMessage<Schema> message;
    message.received_ = internal::DecodeMessage(in);
    return message;
  }
};

namespace internal {

template <typename T>
concept CapnpStructBuilder = std::same_as<T, typename T::Builds::Builder> &&
    capnp::kind<typename T::Builds>()
== capnp::Kind::STRUCT;

template <typename T>
concept CapnpStructReader = std::same_as<T, typename T::Reads::Reader> &&
    capnp::kind<typename T::Reads>()
== capnp::Kind::STRUCT;

template <CapnpStructBuilder T>
struct ShippedAs<T> {
  using type = CapnpMessage<typename T::Builds>;
  static type Convert(const T& value) { return type(value.asReader()); }
};

template <CapnpStructReader T>
struct ShippedAs<T> {
  using type = CapnpMessage<typename T::Reads>;
  static type Convert(const T& value) { return type(value); }
};

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_CAPNP_CODEC_H_
