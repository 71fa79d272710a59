#include "asyncpal/ipc/worker/startup_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::MakePipe;
using ::asyncpal::testing::ReadAll;
using ::asyncpal::testing::TwoEnds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

void WriteAll(int fd, std::string_view text) {
  ASSERT_EQ(write(fd, text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
}

// What arrives on this process's stderr during `f`.
template <typename F>
std::string StderrOf(F f) {
  TwoEnds capture = MakePipe();
  const UniqueFd saved(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  dup2(capture.second.get(), STDERR_FILENO);
  capture.second.Reset();
  f();
  dup2(saved.get(), STDERR_FILENO);
  return ReadAll(capture.first.get());
}

TEST(StartupOutput, PassesOnAndKeepsWhatWasWritten) {
  std::string kept;
  EXPECT_EQ(StderrOf([&] {
              StartupOutput output;
              WriteAll(output.child_end(), "no such class\nmain\n");
              output.PassOn();
              kept = output.DescribeLastLines();
            }),
            "no such class\nmain\n");
  EXPECT_EQ(kept, "; its last lines on stderr:\n  no such class\n  main");
}

TEST(StartupOutput, HasNothingToTellOfSilence) {
  StartupOutput output;
  output.PassOn();
  EXPECT_EQ(output.DescribeLastLines(), "");
}

TEST(StartupOutput, KeepsTheLastWholeLinesOfMany) {
  std::string kept;
  StderrOf([&] {
    StartupOutput output;
    for (int i = 0; i < 1000; ++i) {
      WriteAll(output.child_end(), "line " + std::to_string(i) + "\n");
      output.PassOn();
    }
    kept = output.DescribeLastLines();
  });
  EXPECT_THAT(kept, StartsWith("; its last lines on stderr:\n  line "));
  EXPECT_THAT(kept, EndsWith("\n  line 999"));
  EXPECT_THAT(kept, Not(HasSubstr("line 1\n")));
  EXPECT_LT(kept.size(), 4096u);
}

TEST(StartupOutput, EndsWithTheLastWriter) {
  StartupOutput output;
  output.CloseChildEnd();
  pollfd ended = {output.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 30'000), 1);
  output.PassOn();
  EXPECT_EQ(output.fd(), -1);
}

TEST(StartupOutput, SurvivesAStderrThatNobodyReads) {
  TwoEnds nobody = MakePipe();
  const UniqueFd saved(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  dup2(nobody.second.get(), STDERR_FILENO);
  nobody.first.Reset();
  StartupOutput output;
  WriteAll(output.child_end(), "lost\n");
  output.PassOn();  // no SIGPIPE
  dup2(saved.get(), STDERR_FILENO);
  EXPECT_THAT(output.DescribeLastLines(), HasSubstr("lost"));
}

TEST(StartupOutput, ServesWritersThatOutliveIt) {
  UniqueFd writer;
  TwoEnds capture = MakePipe();
  const UniqueFd saved(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  dup2(capture.second.get(), STDERR_FILENO);
  {
    StartupOutput output;
    writer = UniqueFd(fcntl(output.child_end(), F_DUPFD_CLOEXEC, 3));
  }
  WriteAll(writer.get(), "later");
  char text[6] = {};
  EXPECT_EQ(read(capture.first.get(), text, 5), 5);
  EXPECT_STREQ(text, "later");
  dup2(saved.get(), STDERR_FILENO);
}

}  // namespace
}  // namespace asyncpal::internal
