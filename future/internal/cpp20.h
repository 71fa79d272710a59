#ifndef ASYNCPAL_FUTURE_INTERNAL_CPP20_H_
#define ASYNCPAL_FUTURE_INTERNAL_CPP20_H_

// Included by every public header before anything of C++20: an older language
// gets one message that says what to do.

#if __cplusplus < 202002L
#error Asyncpal needs C++20: compile with -std=c++20 (Bazel: --cxxopt=-std=c++20)
// A compiler goes on after an #error, and would find some hundred more. At a
// missing file it stops.
#include "asyncpal/compile_with_std_cpp20"
#endif

#endif  // ASYNCPAL_FUTURE_INTERNAL_CPP20_H_
