#ifndef ASYNCPAL_FUTURE_INTERNAL_SANITIZERS_H_
#define ASYNCPAL_FUTURE_INTERNAL_SANITIZERS_H_

// Which sanitizers this is compiled with: ASYNCPAL_ASAN and ASYNCPAL_TSAN are 0
// or 1. GCC says so by macros, Clang by features.

#if defined(__SANITIZE_ADDRESS__)
#define ASYNCPAL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASYNCPAL_ASAN 1
#endif
#endif
#ifndef ASYNCPAL_ASAN
#define ASYNCPAL_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define ASYNCPAL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ASYNCPAL_TSAN 1
#endif
#endif
#ifndef ASYNCPAL_TSAN
#define ASYNCPAL_TSAN 0
#endif

#endif  // ASYNCPAL_FUTURE_INTERNAL_SANITIZERS_H_
