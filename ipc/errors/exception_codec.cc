#include "asyncpal/ipc/errors/exception_codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/errors/exception_link.h"
#include "asyncpal/ipc/errors/utf8.h"
#include "asyncpal/ipc/exception_registry.h"

namespace asyncpal::internal {
namespace {

constexpr uint32_t kMaxSegments = 511;
constexpr uint64_t kTraversalFactor = 8;
constexpr uint64_t kTraversalMinimum = 1024;
constexpr int kNestingLimit = 32;

kj::StringPtr TextOf(const std::string& text) {
  return kj::StringPtr(text.c_str(), text.size());
}

void WriteLink(const ExceptionLink& link, wire::Failure::Link::Builder out) {
  out.setType(TextOf(link.type));
  out.setTypeId(TextOf(link.type_id));
  out.setMessage(TextOf(link.message));
  out.setTraceback(TextOf(link.traceback));
  out.setState(kj::arrayPtr(
      reinterpret_cast<const kj::byte*>(link.state.data()), link.state.size()));
}

std::string ReadText(capnp::Text::Reader text, size_t max_bytes) {
  return ToUtf8({text.begin(), text.size()}, max_bytes);
}

ExceptionLink ReadLink(wire::Failure::Link::Reader in) {
  ExceptionLink link;
  link.type = ReadText(in.getType(), kMaxExceptionTypeBytes);
  link.type_id = ReadText(in.getTypeId(), kMaxExceptionTypeBytes);
  link.message = ReadText(in.getMessage(), kMaxExceptionBytes);
  link.traceback = ReadText(in.getTraceback(), kMaxTracebackBytes);
  const capnp::Data::Reader state = in.getState();
  // More is of no use to any codec, which then finds too little.
  const size_t size = std::min<size_t>(state.size(), kMaxExceptionBytes);
  link.state.assign(reinterpret_cast<const char*>(state.begin()), size);
  if (link.type.empty()) link.type = "unknown";
  return link;
}

std::exception_ptr Malformed(const std::string& why) {
  return std::make_exception_ptr(SerializationError(
      absl::StrCat("an exception from another process can't be read: ", why)));
}

// In a catch block.
std::exception_ptr MalformedByCurrentException() noexcept {
  try {
    try {
      throw;
    } catch (const kj::Exception& e) {
      const kj::StringPtr why = e.getDescription();
      return Malformed(ToUtf8({why.begin(), why.size()}, kMaxTracebackBytes));
    }
  } catch (...) {
    return std::current_exception();  // std::bad_alloc
  }
}

}  // namespace

void EncodeException(const std::exception_ptr& error,
                     wire::Failure::Builder out) noexcept {
  try {
    const std::vector<ExceptionLink> links = DescribeChain(error);
    auto chain = out.initChain(static_cast<unsigned>(links.size()));
    for (size_t i = 0; i < links.size(); ++i) {
      WriteLink(links[i], chain[static_cast<unsigned>(i)]);
    }
  } catch (...) {
    out.disownChain();
  }
}

std::exception_ptr DecodeException(wire::Failure::Reader in) noexcept {
  try {
    const auto chain = in.getChain();
    const auto size = std::min<unsigned>(chain.size(), kMaxExceptionLinks + 1);
    if (size == 0) {
      return std::make_exception_ptr(RemoteError(
          "unknown", "the other process could not describe its exception"));
    }
    std::vector<ExceptionLink> links;
    for (unsigned i = 0; i < size; ++i) links.push_back(ReadLink(chain[i]));
    std::exception_ptr error;
    for (auto link = links.rbegin(); link != links.rend(); ++link) {
      error = RebuildException(*link, error);
    }
    return error;
  } catch (...) {
    return MalformedByCurrentException();
  }
}

std::string ExceptionToBytes(const std::exception_ptr& error) {
  capnp::MallocMessageBuilder message;
  EncodeException(error, message.initRoot<wire::Failure>());
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(message);
  const auto chars = words.asChars();
  return std::string(chars.begin(), chars.end());
}

std::exception_ptr ExceptionFromBytes(absl::Span<const char> bytes) noexcept {
  try {
    if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0 ||
        bytes.size() > kMaxExceptionMessageBytes) {
      return Malformed(
          absl::StrCat("a message can't have ", bytes.size(), " bytes"));
    }
    // Aligned, which `bytes` need not be.
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.asBytes().begin(), bytes.data(), bytes.size());
    uint32_t last_segment;
    std::memcpy(&last_segment, words.begin(), sizeof(last_segment));
    if (last_segment >= kMaxSegments) {
      return Malformed(absl::StrCat("a message can't have ",
                                    uint64_t{last_segment} + 1, " segments"));
    }
    capnp::ReaderOptions options;
    options.traversalLimitInWords =
        std::max(kTraversalMinimum, kTraversalFactor * words.size());
    options.nestingLimit = kNestingLimit;
    capnp::FlatArrayMessageReader message(words, options);
    return DecodeException(message.getRoot<wire::Failure>());
  } catch (...) {
    return MalformedByCurrentException();
  }
}

}  // namespace asyncpal::internal
