#include "asyncpal/pool/progress_bar.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Bars on a pseudo terminal, whose other end is read here, by a clock that is
// moved by hand.

namespace asyncpal {
namespace {

using ::testing::EndsWith;
using testing::FakeClock;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// This process's stderr, while it lives.
class PseudoTerminal {
 public:
  PseudoTerminal() : master_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    grantpt(master_);
    unlockpt(master_);
    slave_ = open(ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    Resize(60);
    stderr_ = dup(STDERR_FILENO);
    dup2(slave_, STDERR_FILENO);
  }
  ~PseudoTerminal() {
    dup2(stderr_, STDERR_FILENO);
    close(stderr_);
    close(slave_);
    close(master_);
  }

  void Resize(unsigned short columns) {
    winsize size = {};
    size.ws_row = 24;
    size.ws_col = columns;
    ioctl(slave_, TIOCSWINSZ, &size);
  }

  // What has been written since the last call. It is there at once.
  std::string Read() {
    std::string text;
    pollfd ready = {.fd = master_, .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, 0) == 1) {
      char buffer[4096];
      const ssize_t n = read(master_, buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }

  bool is_open() const { return master_ >= 0 && slave_ >= 0; }

 private:
  int master_;
  int slave_;
  int stderr_;
};

class ProgressBarTest : public ::testing::Test {
 protected:
  ProgressBarTest() {
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("CI");
  }
  void SetUp() override {
    ASSERT_TRUE(terminal_.is_open()) << "no pseudo terminals here";
  }

  static MapState At(int64_t done) {
    return {.done = done,
            .total = 8,
            .per_second = 2,
            .left = absl::Seconds(4 - static_cast<double>(done) / 2),
            .elapsed = absl::Seconds(static_cast<double>(done) / 2)};
  }

  FakeClock clock_;
  PseudoTerminal terminal_;
};

TEST_F(ProgressBarTest, DrawsTheBeginningAtOnce) {
  ProgressBar bar({.label = "load", .unit = "pages"});
  bar.OnChange(At(0));
  EXPECT_EQ(terminal_.Read(),
            "\rload:   0%|               | 0/8 [00:00<00:04, 2.00 pages/s]"
            "\x1b[K");
}

TEST_F(ProgressBarTest, DrawsTenTimesASecondAtMost) {
  ProgressBar bar;
  int draws = 0;
  for (int i = 0; i < 1000; ++i) {
    bar.OnChange(At(1));
    if (!terminal_.Read().empty()) ++draws;
    clock_.Advance(absl::Milliseconds(1));
  }
  EXPECT_EQ(draws, 10);
}

TEST_F(ProgressBarTest, KeepsTheEndOnALineOfItsOwn) {
  ProgressBar bar;
  bar.OnChange(At(0));
  terminal_.Read();
  bar.OnEnd(At(8));
  const std::string end = terminal_.Read();
  EXPECT_THAT(end, StartsWith("\r100%|███"));
  EXPECT_THAT(end, EndsWith("\x1b[K\r\n"));  // as the terminal writes newlines
}

TEST_F(ProgressBarTest, ClearsItselfIfItIsNotKept) {
  ProgressBar bar({.keep = false});
  bar.OnChange(At(0));
  terminal_.Read();
  bar.OnEnd(At(8));
  EXPECT_EQ(terminal_.Read(), "\r\x1b[K");
}

TEST_F(ProgressBarTest, ClearTakesItOffOnce) {
  ProgressBar bar;
  bar.OnChange(At(0));
  terminal_.Read();
  bar.Clear();
  EXPECT_EQ(terminal_.Read(), "\r\x1b[K");
  bar.Clear();
  EXPECT_THAT(terminal_.Read(), IsEmpty());
}

TEST_F(ProgressBarTest, ReadsTheWidthAtEachDraw) {
  ProgressBar bar;
  bar.OnChange(At(0));
  EXPECT_THAT(terminal_.Read(), HasSubstr("2.00/s"));
  terminal_.Resize(30);
  clock_.Advance(absl::Seconds(1));
  bar.OnChange(At(1));
  const std::string narrow = terminal_.Read();
  EXPECT_THAT(narrow, Not(HasSubstr("/s")));
  EXPECT_THAT(narrow, HasSubstr("1/8"));
}

TEST_F(ProgressBarTest, DrawsInAsciiWhereTheLocaleHasNoUtf8) {
  setenv("LC_ALL", "C", 1);
  ProgressBar bar;
  bar.OnChange(At(4));
  EXPECT_THAT(terminal_.Read(), HasSubstr("50%|####"));
}

TEST_F(ProgressBarTest, IsQuietInContinuousIntegration) {
  setenv("CI", "true", 1);
  ProgressBar bar;
  bar.OnChange(At(0));
  bar.OnEnd(At(8));
  EXPECT_THAT(terminal_.Read(), IsEmpty());
}

TEST_F(ProgressBarTest, IsNotQuietWhereCiIsFalse) {
  setenv("CI", "false", 1);
  ProgressBar bar;
  bar.OnChange(At(0));
  EXPECT_THAT(terminal_.Read(), Not(IsEmpty()));
}

TEST_F(ProgressBarTest, IsQuietOnADumbTerminal) {
  setenv("TERM", "dumb", 1);
  ProgressBar bar;
  bar.OnChange(At(0));
  bar.OnEnd(At(8));
  EXPECT_THAT(terminal_.Read(), IsEmpty());
}

TEST_F(ProgressBarTest, IsQuietWhereStderrIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const int terminal = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  {
    ProgressBar bar;
    bar.OnChange(At(0));
    bar.OnEnd(At(8));
  }
  dup2(terminal, STDERR_FILENO);
  close(terminal);
  close(ends[1]);
  char byte;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
}

TEST_F(ProgressBarTest, ShowsAMapToItsEnd) {
  ThreadPool pool(2);
  const std::vector<int> numbers(20, 1);
  pool.MapAll(
      {.progress = std::make_shared<ProgressBar>()}, [](int n) { return n; },
      numbers);
  const std::string screen = terminal_.Read();
  EXPECT_THAT(screen, StartsWith("\r  0%|"));
  EXPECT_THAT(screen, HasSubstr("| 20/20 ["));
  EXPECT_THAT(screen, EndsWith("\r\n"));
}

TEST_F(ProgressBarTest, SurvivesATerminalThatIsGone) {
  const int broken = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ProgressBar bar;
  const int terminal = dup(STDERR_FILENO);
  dup2(broken, STDERR_FILENO);
  bar.OnChange(At(0));
  bar.OnEnd(At(8));
  dup2(terminal, STDERR_FILENO);
  close(terminal);
  close(broken);
  EXPECT_THAT(terminal_.Read(), IsEmpty());
}

}  // namespace
}  // namespace asyncpal
