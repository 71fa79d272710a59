#ifndef ASYNCPAL_IPC_ERRORS_UTF8_H_
#define ASYNCPAL_IPC_ERRORS_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace asyncpal::internal {

// `bytes` as text: each byte that belongs to no character of UTF-8, and each
// zero, is replaced by U+FFFD. At most `max_bytes` long, and cut between
// characters.
std::string ToUtf8(std::string_view bytes, size_t max_bytes);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_UTF8_H_
