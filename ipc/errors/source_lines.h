#ifndef ASYNCPAL_IPC_ERRORS_SOURCE_LINES_H_
#define ASYNCPAL_IPC_ERRORS_SOURCE_LINES_H_

#include <vector>

#include "asyncpal/ipc/errors/throw_trace.h"

namespace asyncpal::internal {

// The functions at an instruction of this process, innermost first, by the
// debug information of its module: several where they were inlined. Empty where
// there is none.
//
// A program that links this library has them in its stacks of throws. The first
// stack reads the debug information, which takes its time.
//
// Threads: any; one at a time is served.
std::vector<SourceFrame> FindSource(const void* instruction);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_SOURCE_LINES_H_
