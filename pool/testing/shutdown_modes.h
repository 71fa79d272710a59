#ifndef ASYNCPAL_POOL_TESTING_SHUTDOWN_MODES_H_
#define ASYNCPAL_POOL_TESTING_SHUTDOWN_MODES_H_

#include <string>

namespace asyncpal::testing {

// The programs that global_shutdown_test starts are this function, in
// executables that are linked in different ways: it ends the program in the
// way that `mode` names, or returns what main() is to return.
int RunShutdownMode(const std::string& mode);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_SHUTDOWN_MODES_H_
