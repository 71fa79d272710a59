#include "asyncpal/bindings/facade/values.h"

#include "absl/time/time.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/ipc/codec.h"

namespace asyncpal::facade {

void ValueWriter::WriteBool(bool value) { out_.Write(value); }
void ValueWriter::WriteInt8(int8_t value) { out_.Write(value); }
void ValueWriter::WriteInt16(int16_t value) { out_.Write(value); }
void ValueWriter::WriteInt32(int32_t value) { out_.Write(value); }
void ValueWriter::WriteInt64(int64_t value) { out_.Write(value); }
void ValueWriter::WriteFloat(float value) { out_.Write(value); }
void ValueWriter::WriteDouble(double value) { out_.Write(value); }
void ValueWriter::WriteString(const std::string& value) { out_.Write(value); }
void ValueWriter::WriteBytes(const Bytes& value) { out_.Write(value); }
void ValueWriter::WriteDuration(int64_t nanos) { out_.Write(FromNanos(nanos)); }
void ValueWriter::WriteSize(int64_t size) {
  out_.WriteSize(static_cast<uint64_t>(size));
}

Bytes ValueWriter::Finish() {
  const Payload payload = out_.Finish();
  return Bytes(payload.bytes().begin(), payload.bytes().end());
}

bool ValueReader::ReadBool() { return in_.Read<bool>(); }
int8_t ValueReader::ReadInt8() { return in_.Read<int8_t>(); }
int16_t ValueReader::ReadInt16() { return in_.Read<int16_t>(); }
int32_t ValueReader::ReadInt32() { return in_.Read<int32_t>(); }
int64_t ValueReader::ReadInt64() { return in_.Read<int64_t>(); }
float ValueReader::ReadFloat() { return in_.Read<float>(); }
double ValueReader::ReadDouble() { return in_.Read<double>(); }
std::string ValueReader::ReadString() { return in_.Read<std::string>(); }
Bytes ValueReader::ReadBytes() { return in_.Read<std::string>(); }
int64_t ValueReader::ReadDuration() {
  return ToNanos(in_.Read<absl::Duration>());
}
int64_t ValueReader::ReadSize(int32_t min_bytes_per_element) {
  return static_cast<int64_t>(in_.ReadSize(min_bytes_per_element));
}

void ValueReader::ExpectEnd() { in_.ExpectEnd(); }

}  // namespace asyncpal::facade
