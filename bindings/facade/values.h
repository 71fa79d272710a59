#ifndef ASYNCPAL_BINDINGS_FACADE_VALUES_H_
#define ASYNCPAL_BINDINGS_FACADE_VALUES_H_

#include <cstdint>
#include <string>

#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal::facade {

// Writes the arguments of a C++ task, one after the other, as the codecs of
// their C++ types do. Nothing says which types these are: they must be those of
// the function.
//
//   ValueWriter arguments;
//   arguments.WriteInt64(40);          // int64_t
//   arguments.WriteSize(2);            // std::vector<double>
//   arguments.WriteDouble(0.5);
//   arguments.WriteDouble(1.5);
//   pool.Submit(1, "math.fib", arguments.Finish());
//
// Threads: one at a time. Errors: SerializationError beyond 4 GiB.
class ValueWriter {
 public:
  ValueWriter() : out_(kDefaultMaxPayloadBytes, /*may_use_memfd=*/false) {}

  void WriteBool(bool value);
  void WriteInt8(int8_t value);
  void WriteInt16(int16_t value);
  void WriteInt32(int32_t value);
  void WriteInt64(int64_t value);
  void WriteFloat(float value);
  void WriteDouble(double value);
  void WriteString(const std::string& value);
  // std::vector<uint8_t>, or a std::string that is not text.
  void WriteBytes(const Bytes& value);
  void WriteDuration(int64_t nanos);  // absl::Duration
  // Before the elements of a container.
  void WriteSize(int64_t size);

  // Leaves the writer empty.
  Bytes Finish();

 private:
  Encoder out_;
};

// Reads the result of a C++ task in the same way.
//
// Threads: one at a time. Errors: SerializationError for bytes that end too
// early or mean nothing.
class ValueReader {
 public:
  explicit ValueReader(const Bytes& bytes)
      : payload_(Payload::OfBytes(bytes)), in_(payload_) {}
  ValueReader(const ValueReader&) = delete;
  ValueReader& operator=(const ValueReader&) = delete;

  bool ReadBool();
  int8_t ReadInt8();
  int16_t ReadInt16();
  int32_t ReadInt32();
  int64_t ReadInt64();
  float ReadFloat();
  double ReadDouble();
  std::string ReadString();
  Bytes ReadBytes();
  int64_t ReadDuration();  // ns
  // How many elements of at least so many bytes follow.
  int64_t ReadSize(int32_t min_bytes_per_element);

  // Throws where anything is left over: the result is of another type.
  void ExpectEnd();

 private:
  const Payload payload_;
  Decoder in_;
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_VALUES_H_
