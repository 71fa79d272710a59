#include "asyncpal/pool/trace.h"

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What is in a trace is checked by //tools/trace_report:trace_test.

namespace asyncpal {
namespace {

using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class TraceTest : public ::testing::Test {
 protected:
  ~TraceTest() override { Trace::Stop(); }
  static std::string Path(const std::string& name) {
    return ::testing::TempDir() + name;
  }
};

TEST_F(TraceTest, AFileThatCantBeWrittenIsASystemErrorWithItsPath) {
  try {
    Trace::Start("/nowhere/run.json");
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/run.json"));
  }
  Trace::Start(Path("after.json"));  // nothing has begun
}

TEST_F(TraceTest, ASecondStartIsRefusedAndHarmsNothing) {
  const std::string path = Path("first.json");
  Trace::Start(path);
  ThreadPool pool(1);
  pool.Submit({.name = "traced"}, [] {}).Collect();
  EXPECT_THROW(Trace::Start(path), InvalidStateError);
  pool.Shutdown();
  Trace::Stop();
  EXPECT_THAT(Read(path), HasSubstr("traced"));
  EXPECT_THAT(Read(path), ::testing::EndsWith("\n]\n"));
}

TEST_F(TraceTest, StopsOnceAndStartsAgain) {
  Trace::Stop();
  Trace::Start(Path("a.json"));
  Trace::Stop();
  Trace::Stop();
  Trace::Start(Path("b.json"));
  ThreadPool pool(1);
  pool.Submit({.name = "again"}, [] {}).Collect();
  Trace::Stop();
  EXPECT_THAT(Read(Path("b.json")), HasSubstr("again"));
  pool.Submit({.name = "later"}, [] {}).Collect();
  EXPECT_THAT(Read(Path("b.json")), ::testing::Not(HasSubstr("later")));
}

TEST_F(TraceTest, AFullDiskIsOneMessage) {
  std::vector<std::string> messages;
  SetLogSink([&messages](LogSeverity severity, std::string_view message) {
    EXPECT_EQ(severity, LogSeverity::kError);
    messages.emplace_back(message);
  });
  Trace::Start("/dev/full");
  ThreadPool pool(1);
  int runs = 0;
  for (int i = 0; i < 5000; ++i) pool.Post([&runs] { ++runs; });
  pool.Join();
  Trace::Stop();
  SetLogSink(nullptr);
  EXPECT_EQ(runs, 5000);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages[0], HasSubstr("/dev/full"));
  Trace::Start(Path("c.json"));  // that one is over
}

TEST_F(TraceTest, AChildOfForkHasNone) {
  const std::string path = Path("parent.json");
  Trace::Start(path);
  const pid_t child = fork();
  if (child == 0) {
    int code = 1;
    try {
      Trace::Stop();
      Trace::Start(path);
    } catch (const InvalidStateError&) {
      code = 0;
    }
    _exit(code);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  Trace::Stop();
  EXPECT_THAT(Read(path), ::testing::EndsWith("\n]\n"));
}

}  // namespace
}  // namespace asyncpal
