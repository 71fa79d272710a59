#include "asyncpal/ipc/capnp_codec.h"

#include <capnp/any.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {
namespace {

using capnp::word;

// A flat array begins with the number of segments less one, then the words of
// each segment, then zeros up to a whole word; 32 bits each.
constexpr uint64_t kMaxSegments = 512;

uint64_t GetHeaderWords(uint64_t segments) { return segments / 2 + 1; }

// As deep as Cap'n Proto allows by default.
constexpr int kNestingLimit = 64;

// Hostile pointers can make a message appear larger than it is; so can a long
// List(Void), to which an honest one has a right.
uint64_t GetTraversalLimit(uint64_t words) { return 8 * words + (1 << 20); }

[[noreturn]] void Refuse(const std::string& why) {
  throw SerializationError(
      absl::StrCat("a Cap'n Proto message can't be decoded or copied: ", why));
}

void CheckHeader(kj::ArrayPtr<const word> words) {
  uint32_t segments_less_one;
  std::memcpy(&segments_less_one, words.begin(), sizeof(segments_less_one));
  const uint64_t segments = uint64_t{segments_less_one} + 1;
  if (segments >= kMaxSegments) {
    Refuse(absl::StrCat("it has ", segments, " segments, and the limit is ",
                        kMaxSegments - 1));
  }
  uint64_t needed = GetHeaderWords(segments);
  if (needed <= words.size()) {
    uint32_t sizes[kMaxSegments];
    std::memcpy(sizes, words.asBytes().begin() + sizeof(uint32_t),
                segments * sizeof(uint32_t));
    for (uint64_t i = 0; i < segments; ++i) needed += sizes[i];
  }
  if (needed != words.size()) {
    Refuse(absl::StrCat("its segments take ", needed, " words, and there are ",
                        words.size()));
  }
}

capnp::ReaderOptions MakeOptions(uint64_t traversal_limit) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = traversal_limit;
  options.nestingLimit = kNestingLimit;
  return options;
}

// Visits every object that can be reached, which charges the reader's limits.
void Walk(const capnp::AnyPointer::Reader& pointer) {
  if (pointer.isStruct()) {
    const auto object = pointer.getAs<capnp::AnyStruct>();
    for (const auto& inner : object.getPointerSection()) Walk(inner);
  } else if (pointer.isList()) {
    const auto list = pointer.getAs<capnp::AnyList>();
    if (list.getElementSize() == capnp::ElementSize::POINTER) {
      for (const auto& inner : list.as<capnp::List<capnp::AnyPointer>>()) {
        Walk(inner);
      }
    } else if (list.getElementSize() == capnp::ElementSize::INLINE_COMPOSITE) {
      for (const auto& object : list.as<capnp::List<capnp::AnyStruct>>()) {
        const auto pointers = object.getPointerSection();
        if (pointers.size() == 0) break;  // all are of one size
        for (const auto& inner : pointers) Walk(inner);
      }
    }
  }
}

// What passes is finite, and may then be read any number of times.
kj::ArrayPtr<const word> Check(kj::ArrayPtr<const word> words) try {
  CheckHeader(words);
  capnp::FlatArrayMessageReader reader(
      words, MakeOptions(GetTraversalLimit(words.size())));
  const auto root = reader.getRoot<capnp::AnyPointer>();
  if (!root.isNull() && !root.isStruct()) Refuse("its root is not a struct");
  Walk(root);
  return words;
} catch (const kj::Exception& cause) {
  internal::ThrowInvalidMessage(cause);
}

}  // namespace

void ThrowInvalidMessage(const kj::Exception& cause) {
  Refuse(std::string(cause.getDescription().cStr()));
}

ReceivedMessage::ReceivedMessage(kj::Array<word> words)
    : words_(std::move(words)),
      reader_(Check(words_),
              MakeOptions(std::numeric_limits<uint64_t>::max())) {}

void EncodeWords(kj::ArrayPtr<const word> words, Encoder& out) {
  out.WriteSize(words.size());
  out.WriteBytes(words.begin(), words.asBytes().size());
}

void EncodeSegments(capnp::MessageBuilder& message, Encoder& out) {
  const auto segments = message.getSegmentsForOutput();
  std::vector<uint32_t> header(2 * GetHeaderWords(segments.size()));
  uint64_t words = GetHeaderWords(segments.size());
  header[0] = static_cast<uint32_t>(segments.size() - 1);
  for (size_t i = 0; i < segments.size(); ++i) {
    header[i + 1] = static_cast<uint32_t>(segments[i].size());
    words += segments[i].size();
  }
  out.WriteSize(words);
  out.WriteBytes(header.data(), header.size() * sizeof(uint32_t));
  for (const auto& segment : segments) {
    out.WriteBytes(segment.begin(), segment.asBytes().size());
  }
}

std::unique_ptr<ReceivedMessage> DecodeMessage(Decoder& in) {
  const uint64_t count = in.ReadSize(sizeof(word));
  if (count == 0) return nullptr;
  auto words = kj::heapArray<word>(count);
  in.ReadBytes(words.begin(), count * sizeof(word));
  return std::make_unique<ReceivedMessage>(std::move(words));
}

uint32_t FirstSegmentWords(uint64_t words) {
  constexpr uint64_t kMost = uint64_t{1} << 27;  // 1 GiB
  return static_cast<uint32_t>(std::min(words + 1, kMost));
}

}  // namespace asyncpal::internal
