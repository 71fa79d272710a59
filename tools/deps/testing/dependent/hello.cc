// Compiled, linked and run from outside of Asyncpal's own workspace.

#include <exception>
#include <iostream>

#include "asyncpal/future/error.h"

int main() {
  const asyncpal::TimeoutError error("hello from another workspace");
  std::cout << asyncpal::ToStatus(std::make_exception_ptr(error)) << "\n";
}
