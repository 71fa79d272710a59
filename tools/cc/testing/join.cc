#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

// Prints its arguments' words, joined by commas.
int main(int argc, char** argv) {
  const std::string all =
      absl::StrJoin(std::vector<std::string>(argv + 1, argv + argc), " ");
  const std::vector<std::string> words =
      absl::StrSplit(all, ' ', absl::SkipEmpty());
  std::cout << absl::StrJoin(words, ",") << "\n";
}
