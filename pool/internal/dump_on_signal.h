#ifndef ASYNCPAL_POOL_INTERNAL_DUMP_ON_SIGNAL_H_
#define ASYNCPAL_POOL_INTERNAL_DUMP_ON_SIGNAL_H_

#include <string>

namespace asyncpal::internal {

// Where the environment has ASYNCPAL_DUMP_ON_SIGQUIT=1: from now on, SIGQUIT
// does not end this process, but writes what `dump` returns to stderr. It is
// called on a thread that sleeps until then. A SIGQUIT that is handled or
// ignored already is left alone, and so is every further call of this.
//
// Threads: any.
// Errors: none. Where there is no thread to be had, SIGQUIT is as it was.
// Shutdown: none. A child of fork() has the default again.
void DumpOnSigquitIfAsked(std::string (*dump)());

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_DUMP_ON_SIGNAL_H_
