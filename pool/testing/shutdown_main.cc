#include "asyncpal/pool/testing/shutdown_modes.h"

int main(int argc, char** argv) {
  return asyncpal::testing::RunShutdownMode(argc > 1 ? argv[1] : "");
}
