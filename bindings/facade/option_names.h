#ifndef ASYNCPAL_BINDINGS_FACADE_OPTION_NAMES_H_
#define ASYNCPAL_BINDINGS_FACADE_OPTION_NAMES_H_

#include <string>

namespace asyncpal::facade {

// How the host spells the names of options: max_pending, maxPending,
// MaxPending.
enum OptionNaming { kNamesOfCpp = 0, kLowerCamelNames, kUpperCamelNames };

// What InNamesOfHost() does from now on. Throws std::invalid_argument if there
// is no such naming. Threads: any.
void SetOptionNaming(int naming);

// A text of the library's own with the names that options have in the host, for
// messages that tell a user what to change. Nothing else in it changes.
// Threads: any.
std::string InNamesOfHost(std::string text);

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_OPTION_NAMES_H_
