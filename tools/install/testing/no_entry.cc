#include <iostream>
#include <stdexcept>

#include "asyncpal/ipc/init_worker.h"
#include "asyncpal/pool/process_pool.h"

// A program that is linked without the options that bring the library in front
// of its main(). With an argument it calls InitWorker(), as it then has to.
int main(int argc, char** argv) {
  if (argc > 1) asyncpal::InitWorker(argc, argv);
  std::cerr << "main\n";
  try {
    asyncpal::ProcessPool pool(1);
    std::cout << pool.Run([] { return 7; }) << "\n";
  } catch (const std::runtime_error& error) {
    std::cout << error.what() << "\n";
  }
}
