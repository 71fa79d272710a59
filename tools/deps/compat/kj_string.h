// Found as <kj/string.h> before the real one, and completes it.
//
// Cap'n Proto 0.9 counts on C++20 to turn `string == "x"` round by itself. The
// language took that back for types that also have operator!=: Clang 16 and
// GCC 13 no longer do it, and then <capnp/blob.h> doesn't compile.

#ifndef ASYNCPAL_TOOLS_DEPS_COMPAT_KJ_STRING_H_
#define ASYNCPAL_TOOLS_DEPS_COMPAT_KJ_STRING_H_

#include_next <kj/string.h>

namespace kj {

// Only comparisons of two StringPtr can't come back here, turned round.
inline bool operator==(const char* a, const StringPtr& b) {
  return StringPtr(a) == b;
}
inline bool operator!=(const char* a, const StringPtr& b) {
  return StringPtr(a) != b;
}
inline bool operator==(const char* a, const String& b) {
  return StringPtr(a) == StringPtr(b);
}
inline bool operator!=(const char* a, const String& b) {
  return StringPtr(a) != StringPtr(b);
}

}  // namespace kj

#endif  // ASYNCPAL_TOOLS_DEPS_COMPAT_KJ_STRING_H_
