#ifndef ASYNCPAL_POOL_TESTING_RUN_COUNTER_H_
#define ASYNCPAL_POOL_TESTING_RUN_COUNTER_H_

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace asyncpal::testing {

// A file that counts runs, in whatever process.
class RunCounter {
 public:
  RunCounter() : file_(::testing::TempDir() + "/runs_XXXXXX") {
    const int fd = mkstemp(file_.data());
    EXPECT_GE(fd, 0);
    close(fd);
  }
  ~RunCounter() { std::remove(file_.c_str()); }
  RunCounter(const RunCounter&) = delete;
  RunCounter& operator=(const RunCounter&) = delete;

  const std::string& file() const { return file_; }
  int runs() const { return Count(file_); }

  // One more run; returns which it is.
  static int Add(const std::string& file) {
    std::ofstream(file, std::ios::app) << '.';
    return Count(file);
  }

 private:
  static int Count(const std::string& file) {
    std::ifstream in(file, std::ios::ate);
    return static_cast<int>(in.tellg());
  }

  std::string file_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_RUN_COUNTER_H_
