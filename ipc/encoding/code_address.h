#ifndef ASYNCPAL_IPC_ENCODING_CODE_ADDRESS_H_
#define ASYNCPAL_IPC_ENCODING_CODE_ADDRESS_H_

#include <cstdint>
#include <string>

namespace asyncpal::internal {

// Where something of this program lies, said in a way that another process of
// the same program understands: in which executable or library, and how far
// from its beginning.
struct CodeAddress {
  uint64_t module = 0;  // the first eight bytes of its build-id
  uint64_t offset = 0;
};

// Throws SerializationError for an address that lies in no loaded module, or in
// one without a build-id.
CodeAddress LocateAddress(const void* address);

// The address in this process. It lies in a loaded module, and if
// `executable` is true in that module's code; else SerializationError.
const void* ResolveAddress(CodeAddress address, bool executable);

// The whole build-id of this process's executable; empty if it has none.
std::string ExecutableBuildId();

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ENCODING_CODE_ADDRESS_H_
