// Runs a program, and compares what it prints with a file, line by line:
//
//   output_test <program> <expected output>

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string program = argv[1];
  std::ifstream file(argv[2]);
  if (!file) {
    std::cerr << "can't read " << argv[2] << "\n";
    return 2;
  }
  const std::string expected{std::istreambuf_iterator<char>(file), {}};

  FILE* const pipe = popen(program.c_str(), "r");
  if (pipe == nullptr) return 2;
  std::string output;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) {
    output += static_cast<char>(c);
  }
  const int status = pclose(pipe);

  const bool exited = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (exited && output == expected) return 0;
  std::cerr << program << " ended with wait status " << status
            << " and printed:\n"
            << output << "--- instead of status 0 and:\n"
            << expected;
  return 1;
}
