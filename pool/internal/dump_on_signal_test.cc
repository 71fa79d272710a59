#include "asyncpal/pool/internal/dump_on_signal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

// Each test has a process of its own, as what is asked for is so for good.
class DumpOnSignalTest : public ::testing::Test {
 protected:
  // How a child ends that does `body`, by an exit code or a signal.
  template <typename Body>
  static int StatusOf(Body&& body) {
    const pid_t child = fork();
    if (child == 0) {
      body();
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }
};

std::string Hello() { return "hello from the dump\n"; }

// Has what this process writes to stderr from now on. "": nothing came.
std::string ReadStderrAfter(void (*act)()) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  dup2(ends[1], STDERR_FILENO);
  act();
  std::string text;
  while (text.find('\n') == text.npos) {
    char chars[256];
    const ssize_t n = read(ends[0], chars, sizeof(chars));
    if (n <= 0) break;
    text.append(chars, static_cast<size_t>(n));
  }
  return text;
}

TEST_F(DumpOnSignalTest, SignalHasTheDumpWritten) {
  const int status = StatusOf([] {
    alarm(30);
    setenv("ASYNCPAL_DUMP_ON_SIGQUIT", "1", 1);
    DumpOnSigquitIfAsked(&Hello);
    for (int i = 0; i < 2; ++i) {
      const auto text = ReadStderrAfter([] { kill(getpid(), SIGQUIT); });
      if (text != Hello()) _exit(1);
    }
  });
  EXPECT_EQ(status, 0);
}

TEST_F(DumpOnSignalTest, SignalEndsAProgramThatHasNotAsked) {
  for (const char* value : {"", "0", "yes"}) {
    const int status = StatusOf([value] {
      setenv("ASYNCPAL_DUMP_ON_SIGQUIT", value, 1);
      DumpOnSigquitIfAsked(&Hello);
      raise(SIGQUIT);
    });
    EXPECT_TRUE(WIFSIGNALED(status)) << value;
  }
}

TEST_F(DumpOnSignalTest, SignalThatTheProgramHandlesIsLeftAlone) {
  const int status = StatusOf([] {
    setenv("ASYNCPAL_DUMP_ON_SIGQUIT", "1", 1);
    signal(SIGQUIT, [](int) { _exit(7); });
    DumpOnSigquitIfAsked(&Hello);
    raise(SIGQUIT);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(DumpOnSignalTest, SignalEndsAForkedChild) {
  const int status = StatusOf([] {
    setenv("ASYNCPAL_DUMP_ON_SIGQUIT", "1", 1);
    DumpOnSigquitIfAsked(&Hello);
    _exit(WIFSIGNALED(StatusOf([] { raise(SIGQUIT); })) ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace asyncpal::internal
