#include <capnp/message.h>
#include <capnp/serialize.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/ipc/errors/exception_codec.h"
#include "asyncpal/ipc/exception_registry.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Exceptions and messages that nobody meant well.

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr size_t kMaxTextBytes = size_t{kMaxExceptionBytes};

template <typename E>
std::string DescribeAfterRoundTrip(const E& error) {
  return DescribeException(
      ExceptionFromBytes(ExceptionToBytes(std::make_exception_ptr(error))));
}

class NullWhat : public std::exception {
 public:
  const char* what() const noexcept override { return nullptr; }
};

class GivenWhat : public std::exception {
 public:
  explicit GivenWhat(const char* text) : text_(text) {}
  const char* what() const noexcept override { return text_; }

 private:
  const char* text_;
};

// --- what() ---

TEST(What, MayReturnNull) {
  EXPECT_THAT(DescribeAfterRoundTrip(NullWhat()),
              HasSubstr("(what() returned null)"));
}

TEST(What, IsCutAt64KiBWhenItHasAGibibyte) {
  // The same page again and again, so that it takes no memory.
  constexpr size_t kSize = size_t{1} << 30;
  constexpr size_t kPiece = size_t{1} << 20;
  const int file = memfd_create("what", MFD_CLOEXEC);
  const std::string piece(kPiece, 'x');
  ASSERT_EQ(write(file, piece.data(), kPiece), static_cast<ssize_t>(kPiece));
  char* const text = static_cast<char*>(
      mmap(nullptr, kSize, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  ASSERT_NE(text, MAP_FAILED);
  for (size_t at = 0; at < kSize; at += kPiece) {
    ASSERT_NE(mmap(text + at, kPiece, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_FIXED, file, 0),
              MAP_FAILED);
  }
  text[kSize - 1] = '\0';
  const std::string bytes =
      ExceptionToBytes(std::make_exception_ptr(GivenWhat(text)));
  EXPECT_LT(bytes.size(), kMaxTextBytes + 4096);
  EXPECT_GT(bytes.size(), kMaxTextBytes);
  munmap(text, kSize);
  close(file);
}

TEST(What, IsMadeTextWhereItIsNone) {
  EXPECT_EQ(DescribeAfterRoundTrip(std::runtime_error("caf\xE9 \xFF")),
            "std::runtime_error: caf\uFFFD \uFFFD");
}

TEST(What, KeepsTextOfAnyLanguage) {
  EXPECT_EQ(DescribeAfterRoundTrip(std::runtime_error("Größe 寸法 \U0001F600")),
            "std::runtime_error: Größe 寸法 \U0001F600");
}

TEST(What, IsCutBetweenCharacters) {
  std::string text = "x";
  while (text.size() < 2 * kMaxTextBytes) text += "\u20AC";
  const std::string after = DescribeAfterRoundTrip(RemoteError("App", text));
  EXPECT_EQ(after.find("\uFFFD"), std::string::npos);
}

// --- Messages ---

struct RawLink {
  std::string type = "T";
  std::string type_id;
  std::string message = "m";
  std::string state;
};

std::exception_ptr Decode(const std::vector<RawLink>& links) {
  capnp::MallocMessageBuilder message;
  auto chain = message.initRoot<wire::Failure>().initChain(
      static_cast<unsigned>(links.size()));
  for (unsigned i = 0; i < links.size(); ++i) {
    const RawLink& link = links[i];
    chain[i].setType(link.type.c_str());
    chain[i].setTypeId(link.type_id.c_str());
    chain[i].setMessage(link.message.c_str());
    chain[i].setState(
        kj::arrayPtr(reinterpret_cast<const kj::byte*>(link.state.data()),
                     link.state.size()));
  }
  return DecodeException(message.getRoot<wire::Failure>().asReader());
}

TEST(Decode, MakesARemoteErrorOfAnEmptyChain) {
  EXPECT_EQ(DescribeException(Decode({})),
            "unknown: the other process could not describe its exception");
}

TEST(Decode, MakesARemoteErrorOfAnUnknownType) {
  EXPECT_EQ(DescribeException(Decode({{.type = "java.lang.Error",
                                       .type_id = "java.lang.Error",
                                       .message = "text"}})),
            "java.lang.Error: text");
}

TEST(Decode, MakesARemoteErrorOfAStateThatIsTooShort) {
  const std::exception_ptr error =
      Decode({{.type = "std::system_error",
               .type_id = typeid(std::system_error).name(),
               .state = "\1"}});
  EXPECT_THROW(std::rethrow_exception(error), RemoteError);
}

TEST(Decode, MakesARemoteErrorOfAStateThatIsTooLong) {
  const std::exception_ptr error =
      Decode({{.type_id = typeid(std::runtime_error).name(), .state = "x"}});
  EXPECT_THROW(std::rethrow_exception(error), RemoteError);
}

TEST(Decode, MakesARemoteErrorOfACategoryThatDoesNotExist) {
  const std::exception_ptr error =
      Decode({{.type_id = typeid(std::system_error).name(),
               .state = std::string("\7\0\0\0\0", 5)}});
  EXPECT_THROW(std::rethrow_exception(error), RemoteError);
}

TEST(Decode, KeepsTheOtherLinksWhenOneHasABadState) {
  const std::exception_ptr error =
      Decode({{.type_id = typeid(TimeoutError).name()},
              {.type_id = typeid(WorkerLostError).name(), .state = "bad"},
              {.type_id = typeid(std::bad_alloc).name()}});
  int links = 0;
  try {
    std::rethrow_exception(error);
  } catch (const TimeoutError& outer) {
    ++links;
    try {
      std::rethrow_if_nested(outer);
    } catch (const RemoteError& middle) {
      ++links;
      EXPECT_THROW(std::rethrow_if_nested(middle), std::bad_alloc);
    }
  }
  EXPECT_EQ(links, 2);
}

TEST(Decode, ReadsNoMoreLinksThanAreEverSent) {
  std::exception_ptr error = Decode(std::vector<RawLink>(10000));
  int links = 0;
  while (error != nullptr) {
    ++links;
    try {
      std::rethrow_exception(error);
    } catch (const std::nested_exception& e) {
      error = e.nested_ptr();
    } catch (...) {
      error = nullptr;
    }
  }
  EXPECT_EQ(links, 65);
}

TEST(Decode, ReplacesWhatIsNoText) {
  EXPECT_EQ(DescribeException(Decode({{.type = "A\xFF", .message = "\x80"}})),
            "A\uFFFD: \uFFFD");
}

TEST(Decode, CutsALongMessage) {
  const auto error = Decode(
      {{.message = std::string(kMaxTextBytes + kMaxTextBytes / 4, 'x')}});
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    EXPECT_EQ(std::strlen(e.what()), kMaxTextBytes);
  }
}

TEST(FromBytes, IsASerializationErrorWithoutBytes) {
  EXPECT_THROW(std::rethrow_exception(ExceptionFromBytes({})),
               SerializationError);
}

TEST(FromBytes, IsASerializationErrorForMoreThan16MiB) {
  const std::string bytes((size_t{16} << 20) + 8, '\0');
  EXPECT_THROW(std::rethrow_exception(ExceptionFromBytes(bytes)),
               SerializationError);
}

TEST(FromBytes, IsASerializationErrorForTooManySegments) {
  EXPECT_THROW(
      std::rethrow_exception(ExceptionFromBytes(std::string(64, '\xFF'))),
      SerializationError);
}

std::string ExampleBytes() {
  const auto lost = std::make_exception_ptr(WorkerLostError(
      "lost", {.pid = 7, .signal = 9, .exit_code = 1, .phase = "running"}));
  const auto file = NestException(
      std::filesystem::filesystem_error(
          "text", "/from", std::make_error_code(std::errc::io_error)),
      lost);
  return ExceptionToBytes(
      NestException(RemoteError("App", "text", "at Main.main"), file));
}

TEST(FromBytes, NeedsNoAlignment) {
  const std::string bytes = ExampleBytes();
  const std::string shifted = "x" + bytes;
  EXPECT_EQ(DescribeException(
                ExceptionFromBytes(absl::MakeConstSpan(shifted).subspan(1))),
            "App: text");
}

TEST(FromBytes, NeverReturnsNullForAMessageThatIsCutAnywhere) {
  const std::string bytes = ExampleBytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_NE(ExceptionFromBytes(absl::MakeConstSpan(bytes.data(), size)),
              nullptr)
        << size;
  }
}

TEST(FromBytes, NeverReturnsNullForAMessageWithWrongBytes) {
  const std::string valid = ExampleBytes();
  std::mt19937 random(20240229);
  const auto below = [&](size_t n) { return random() % n; };
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = valid;
    for (size_t change = below(8) + 1; change > 0; --change) {
      // Small numbers and bits make other valid pointers more often.
      char& byte = bytes[below(bytes.size())];
      byte = below(2) == 0 ? static_cast<char>(random())
                           : static_cast<char>(byte ^ (1 << below(8)));
    }
    const std::exception_ptr error = ExceptionFromBytes(bytes);
    ASSERT_NE(error, nullptr) << round;
    ASSERT_FALSE(DescribeException(CopyException(error)).empty()) << round;
  }
}

}  // namespace
}  // namespace asyncpal::internal
