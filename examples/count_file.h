#ifndef ASYNCPAL_EXAMPLES_COUNT_FILE_H_
#define ASYNCPAL_EXAMPLES_COUNT_FILE_H_

#include <cstdint>
#include <string>
#include <system_error>

namespace wordcount {

struct Counts {
  int64_t lines = 0;
  int64_t words = 0;
  int64_t bytes = 0;

  Counts& operator+=(const Counts& other);
};

struct FileCount {
  std::string path;
  Counts counts;
  std::error_code error;  // if set, `counts` means nothing
};

// Reads one file to its end. Lines, words and bytes are those of GNU wc 9.1
// under LC_ALL=C: white space separates words, and a word has at least one
// printable ASCII character. A symbolic link is an error.
FileCount CountFile(std::string path);

}  // namespace wordcount

#endif  // ASYNCPAL_EXAMPLES_COUNT_FILE_H_
