#include "asyncpal/ipc/capnp_codec.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/testing/point.capnp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::ShippedAs;
using ::testing::HasSubstr;
using testing::Point;
using testing::Shape;

static_assert(internal::kHasCodec<CapnpMessage<Point>>);
static_assert(internal::kHasCodec<std::vector<CapnpMessage<Point>>>);
static_assert(std::is_same_v<ShippedAs<Point::Builder>::type,
                             ShippedAs<Point::Reader>::type>);
static_assert(
    std::is_same_v<ShippedAs<Point::Reader>::type, CapnpMessage<Point>>);
static_assert(
    std::is_same_v<ShippedAs<CapnpMessage<Point>>::type, CapnpMessage<Point>>);
// Only structs travel as messages of their own.
static_assert(
    std::is_same_v<ShippedAs<capnp::Text::Reader>::type, capnp::Text::Reader>);
static_assert(std::is_same_v<ShippedAs<capnp::List<Point>::Builder>::type,
                             capnp::List<Point>::Builder>);
static_assert(!internal::kHasCodec<capnp::Text::Reader>);
static_assert(!internal::kHasCodec<Point>);

template <typename T>
Payload EncodeValue(const T& value) {
  Encoder out;
  out.Write(value);
  return out.Finish();
}

template <typename T>
T DecodeValue(const Payload& payload) {
  Decoder in(payload);
  T value = in.Read<T>();
  in.ExpectEnd();
  return value;
}

template <typename T>
T RoundTrip(const T& value) {
  return DecodeValue<T>(EncodeValue(value));
}

CapnpMessage<Point> MakePoint(double x, const char* label) {
  CapnpMessage<Point> message;
  message.builder().setX(x);
  message.builder().setLabel(label);
  return message;
}

std::string LabelOf(Point::Reader point) { return point.getLabel().cStr(); }

// Several segments, lists of structs, and structs in structs.
CapnpMessage<Shape> MakeShape(size_t pixels) {
  CapnpMessage<Shape> message;
  Shape::Builder shape = message.builder();
  auto outline = shape.initOutline(100);
  for (uint32_t i = 0; i < outline.size(); ++i) outline[i].setX(i);
  auto parts = shape.initParts(3);
  for (uint32_t i = 0; i < parts.size(); ++i) {
    parts[i].initOutline(10)[i].setLabel("part");
  }
  auto data = shape.initPixels(pixels);
  for (size_t i = 0; i < pixels; ++i) data[i] = static_cast<uint8_t>(i * 31);
  shape.getAnchor().initPoint().setY(3);
  return message;
}

std::string Print(Shape::Reader shape) { return kj::str(shape).cStr(); }

TEST(CapnpMessage, HasDefaultsAtFirst) {
  EXPECT_EQ(CapnpMessage<Point>().reader().getY(), 7);
}

TEST(CapnpMessage, ReadsWhatItsBuilderWrites) {
  EXPECT_EQ(MakePoint(2, "a").reader().getX(), 2);
}

TEST(CapnpMessage, CopyIsIndependent) {
  CapnpMessage<Point> message = MakePoint(2, "a");
  const CapnpMessage<Point> copy = message;
  message.builder().setX(3);
  EXPECT_EQ(copy.reader().getX(), 2);
}

TEST(CapnpMessage, IsEmptyOnceMovedFrom) {
  CapnpMessage<Point> message = MakePoint(2, "a");
  const CapnpMessage<Point> taken = std::move(message);
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(message.reader().getX(), 0);
  EXPECT_EQ(taken.reader().getX(), 2);
}

TEST(CapnpMessage, AssignmentReplacesTheMessage) {
  CapnpMessage<Point> message = MakePoint(2, "a");
  const CapnpMessage<Point> other = RoundTrip(MakePoint(3, "b"));
  message = other;
  EXPECT_EQ(message.reader().getX(), 3);
}

TEST(CapnpMessage, CopiesAReader) {
  std::optional<CapnpMessage<Point>> source = MakePoint(2, "abc");
  const CapnpMessage<Point> copy(source->reader());
  source.reset();
  EXPECT_EQ(LabelOf(copy.reader()), "abc");
}

TEST(CapnpMessage, ConvertsToReadersAndBuilders) {
  CapnpMessage<Point> message;
  const auto fill = [](Point::Builder point) { point.setX(5); };
  const auto read = [](Point::Reader point) { return point.getX(); };
  fill(message);
  EXPECT_EQ(read(message), 5);
}

TEST(CapnpMessage, ReceivedMessageCanBeChanged) {
  CapnpMessage<Point> message = RoundTrip(MakePoint(2, "abc"));
  message.builder().setX(9);
  EXPECT_EQ(message.reader().getX(), 9);
  EXPECT_EQ(LabelOf(message.reader()), "abc");
}

TEST(CapnpMessage, ReceivedMessageCanBeReadAnyNumberOfTimes) {
  const CapnpMessage<Shape> message = RoundTrip(MakeShape(100'000));
  uint64_t sum = 0;
  // Cap'n Proto would by default refuse to read 64 MiB.
  for (int i = 0; i < 2000; ++i) sum += message.reader().getPixels().size();
  EXPECT_EQ(sum, 200'000'000);
}

TEST(CapnpCodec, EmptyMessageComesBack) {
  const CapnpMessage<Point> message = RoundTrip(CapnpMessage<Point>());
  EXPECT_EQ(message.reader().getX(), 0);
  EXPECT_EQ(message.reader().getY(), 7);
}

TEST(CapnpCodec, MessageComesBack) {
  const CapnpMessage<Point> message = RoundTrip(MakePoint(1.5, "abc"));
  EXPECT_EQ(message.reader().getX(), 1.5);
  EXPECT_EQ(LabelOf(message.reader()), "abc");
}

TEST(CapnpCodec, MessageOfManySegmentsComesBack) {
  for (const size_t pixels : {0, 1, 1000, 32'000, 40'000, 1'000'000}) {
    const CapnpMessage<Shape> message = MakeShape(pixels);
    EXPECT_TRUE(Print(RoundTrip(message)) == Print(message)) << pixels;
  }
}

// More than Cap'n Proto's default limits allow.
TEST(CapnpCodec, LargeMessageComesBack) {
  constexpr size_t kPixels = (size_t{80} << 20) + 1;
  CapnpMessage<Shape> message;
  std::memset(message.builder().initPixels(kPixels).begin(), 'x', kPixels);
  const CapnpMessage<Shape> result = RoundTrip(message);
  ASSERT_EQ(result.reader().getPixels().size(), kPixels);
  EXPECT_EQ(result.reader().getPixels()[kPixels - 1], 'x');
}

TEST(CapnpCodec, LongListWithoutBytesComesBack) {
  CapnpMessage<Shape> message;
  message.builder().initMarks(1'000'000);
  EXPECT_EQ(RoundTrip(message).reader().getMarks().size(), 1'000'000);
}

TEST(CapnpCodec, ReceivedMessageTravelsOn) {
  const CapnpMessage<Shape> message = RoundTrip(MakeShape(100));
  EXPECT_EQ(Print(RoundTrip(message)), Print(message));
}

TEST(CapnpCodec, MessagesComeBackInContainers) {
  std::vector<CapnpMessage<Point>> messages;
  messages.push_back(MakePoint(1, "a"));
  messages.emplace_back();
  messages.push_back(MakePoint(2, "b"));
  EXPECT_EQ(RoundTrip(messages)[2].reader().getX(), 2);
}

// A message may begin anywhere in the payload.
TEST(CapnpCodec, MessageNeedsNoAlignment) {
  Encoder out;
  out.Write('x');
  out.Write(MakePoint(4, "abc"));
  const Payload payload = out.Finish();
  Decoder in(payload);
  in.Read<char>();
  EXPECT_EQ(LabelOf(in.Read<CapnpMessage<Point>>().reader()), "abc");
}

template <typename A>
typename ShippedAs<A>::type ShipArgument(const A& argument) {
  using Shipped = typename ShippedAs<A>::type;
  Encoder out;
  Codec<Shipped>::Encode(ShippedAs<A>::Convert(argument), out);
  return DecodeValue<Shipped>(out.Finish());
}

TEST(ShippedAs, BuilderArrivesAsAMessage) {
  capnp::MallocMessageBuilder message;
  auto point = message.initRoot<Point>();
  point.setLabel("abc");
  EXPECT_EQ(LabelOf(ShipArgument(point).reader()), "abc");
}

TEST(ShippedAs, ReaderArrivesAsAMessage) {
  capnp::MallocMessageBuilder message;
  auto point = message.initRoot<Point>();
  point.setLabel("abc");
  EXPECT_EQ(LabelOf(ShipArgument(point.asReader()).reader()), "abc");
}

TEST(ShippedAs, PartOfAMessageArrivesWithoutTheRest) {
  CapnpMessage<Shape> shape = MakeShape(100'000);
  const auto part = shape.reader().getParts()[1];
  const auto received = ShipArgument(part);
  EXPECT_EQ(LabelOf(received.reader().getOutline()[1]), "part");
  EXPECT_LT(EncodeValue(received).size(), 10'000);
}

// What a hostile or broken process may send: the words of a flat array.
std::vector<uint64_t> MakeWords() {
  return DecodeValue<std::vector<uint64_t>>(EncodeValue(MakeShape(40)));
}

std::string CatchDecodingError(const std::vector<uint64_t>& words) {
  try {
    DecodeValue<CapnpMessage<Shape>>(EncodeValue(words));
  } catch (const SerializationError& error) {
    return error.what();
  }
  return "no error";
}

TEST(InvalidMessage, IsNoneAsItWasEncoded) {
  EXPECT_EQ(CatchDecodingError(MakeWords()), "no error");
}

TEST(InvalidMessage, HasTooManySegments) {
  std::vector<uint64_t> words(1000);
  words[0] = 511;
  EXPECT_THAT(CatchDecodingError(words), HasSubstr("512 segments"));
}

TEST(InvalidMessage, HasAsManySegmentsAsANumberCanSay) {
  EXPECT_THAT(CatchDecodingError({0xffffffff, 0}),
              HasSubstr("4294967296 segments"));
}

TEST(InvalidMessage, HasNoRoomForItsHeader) {
  EXPECT_THAT(CatchDecodingError({500}), HasSubstr("words"));
}

TEST(InvalidMessage, HasASegmentThatIsTooLong) {
  EXPECT_THAT(CatchDecodingError({uint64_t{3} << 32, 0, 0}),
              HasSubstr("4 words, and there are 3"));
}

TEST(InvalidMessage, HasWordsLeftOver) {
  EXPECT_THAT(CatchDecodingError({uint64_t{1} << 32, 0, 0}),
              HasSubstr("2 words, and there are 3"));
}

TEST(InvalidMessage, HasNoRoot) {
  EXPECT_NE(CatchDecodingError({0}), "no error");
}

TEST(InvalidMessage, HasARootThatIsAList) {
  // A list pointer to no bytes.
  EXPECT_THAT(CatchDecodingError({uint64_t{1} << 32, 1}),
              HasSubstr("not a struct"));
}

TEST(InvalidMessage, PointsOutsideOfIt) {
  // A struct of one word, a thousand words further.
  EXPECT_NE(CatchDecodingError(
                {uint64_t{1} << 32, (uint64_t{1} << 32) | (1000 << 2)}),
            "no error");
}

TEST(InvalidMessage, PointsToItself) {
  // A struct with one pointer, which is that struct: offset -1, no data.
  const uint64_t self = (uint64_t{1} << 48) | 0xfffffffc;
  EXPECT_NE(CatchDecodingError({uint64_t{1} << 32, self}), "no error");
}

// Each level has two pointers to the next one.
TEST(InvalidMessage, AppearsFarLargerThanItIs) {
  constexpr int kLevels = 50;
  std::vector<uint64_t> words = {0, uint64_t{2} << 48};
  for (int i = 0; i < kLevels; ++i) {
    words.push_back((uint64_t{2} << 48) | (1 << 2));
    words.push_back(uint64_t{2} << 48);
  }
  words.push_back(0);
  words.push_back(0);
  words[0] = (words.size() - 1) << 32;
  EXPECT_NE(CatchDecodingError(words), "no error");
}

// Without a byte for any of them.
TEST(InvalidMessage, HasAListOfVeryManyVoids) {
  const uint64_t root = uint64_t{4} << 48;  // a struct with four pointers
  const uint64_t list = (uint64_t{0x1fffffff} << 35) | 1;
  EXPECT_THAT(CatchDecodingError({uint64_t{5} << 32, root, 0, 0, 0, list}),
              HasSubstr("traversal limit"));
}

TEST(InvalidMessage, HasAListOfVeryManyEmptyStructs) {
  const uint64_t root = uint64_t{1} << 48;
  const uint64_t list = (uint64_t{7} << 32) | 1;
  const uint64_t tag = uint64_t{0x1fffffff} << 2;
  EXPECT_THAT(CatchDecodingError({uint64_t{3} << 32, root, list, tag}),
              HasSubstr("traversal limit"));
}

TEST(InvalidMessage, ThatIsTruncatedIsAnError) {
  const Payload whole = EncodeValue(MakeShape(40));
  const std::string bytes(whole.bytes().begin(), whole.bytes().end());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Payload payload = Payload::OfBytes(bytes.substr(0, size));
    ASSERT_THROW(DecodeValue<CapnpMessage<Shape>>(payload), SerializationError)
        << size;
  }
}

// Reads every field, of lists the first few elements.
uint64_t ReadAll(Shape::Reader shape) {
  uint64_t sum = shape.getMarks().size();
  for (const uint8_t byte : shape.getPixels()) sum += byte;
  int left = 20;
  for (const Point::Reader point : shape.getOutline()) {
    sum += point.getLabel().size() + (point.getX() < 0 ? 1 : 0);
    if (--left == 0) break;
  }
  for (const Shape::Reader part : shape.getParts()) {
    sum += ReadAll(part);
    if (--left <= 0) break;
  }
  if (shape.getAnchor().isPoint()) {
    sum += shape.getAnchor().getPoint().getLabel().size();
  }
  return sum;
}

// What passes the checks can be read to its end, or Cap'n Proto throws.
void TryToRead(const std::vector<uint64_t>& words) {
  try {
    ReadAll(DecodeValue<CapnpMessage<Shape>>(EncodeValue(words)));
  } catch (const SerializationError&) {
  } catch (const kj::Exception&) {
  }
}

TEST(InvalidMessage, NeverCrashes) {
  const uint64_t seed = std::random_device()();
  std::mt19937_64 random(seed);
  const std::vector<uint64_t> whole = MakeWords();
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint64_t> words = whole;
    for (uint64_t flips = random() % 4; flips < 4; ++flips) {
      // The first words have most of what can go wrong.
      const uint64_t most = i % 2 == 0 ? 8 : words.size();
      words[random() % most] ^= uint64_t{1} << random() % 64;
    }
    ASSERT_NO_THROW(TryToRead(words)) << "seed " << seed << ", round " << i;
  }
}

TEST(InvalidMessage, OfGarbageNeverCrashes) {
  const uint64_t seed = std::random_device()();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint64_t> words(2 + random() % 30);
    for (uint64_t& word : words) {
      // Near pointers to small structs, or anything.
      word = random() % 3 == 0 ? random() : random() & 0x0003'0003'0000'003f;
    }
    words[0] = (words.size() - 1) << 32;
    ASSERT_NO_THROW(TryToRead(words)) << "seed " << seed << ", round " << i;
  }
}

}  // namespace
}  // namespace asyncpal
