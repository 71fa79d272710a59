#include "asyncpal/pool/global_shutdown.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

extern char** environ;

// The end of a program can only be seen from outside: each test starts one, in
// a mode of testing/shutdown_modes.cc.

namespace asyncpal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Less than the deadline that the programs set, 50 s, so that waiting for it
// is a failure.
constexpr absl::Duration kLimit = absl::Seconds(30);

struct Ended {
  int status = -1;  // as from waitpid()
  std::string output;
  std::string errors;

  bool exited_with(int code) const {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
  }
  bool died_of(int signal) const {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
  }
};

class Pipe {
 public:
  Pipe() {
    if (pipe2(fds_, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  }
  ~Pipe() {
    close(fds_[0]);
    CloseWriteEnd();
  }
  void CloseWriteEnd() {
    if (fds_[1] >= 0) close(fds_[1]);
    fds_[1] = -1;
  }
  int read_end() const { return fds_[0]; }
  int write_end() const { return fds_[1]; }

 private:
  int fds_[2];
};

// Reads both pipes to their ends, or until time is up.
void ReadAll(const Pipe& output, const Pipe& errors, Ended& ended) {
  const Countdown countdown(kLimit);
  pollfd fds[] = {{output.read_end(), POLLIN, 0},
                  {errors.read_end(), POLLIN, 0}};
  std::string* const texts[] = {&ended.output, &ended.errors};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const auto left = absl::ToInt64Milliseconds(countdown.Remaining());
    if (left == 0 || poll(fds, 2, static_cast<int>(left)) == 0) return;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      char bytes[4096];
      const ssize_t got = read(fds[i].fd, bytes, sizeof(bytes));
      if (got > 0) {
        texts[i]->append(bytes, got);
      } else {
        fds[i].fd = -1;
      }
    }
  }
}

Ended RunProgram(const std::string& program, const std::string& mode) {
  Pipe output;
  Pipe errors;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.write_end(), 1);
  posix_spawn_file_actions_adddup2(&actions, errors.write_end(), 2);
  const std::string path = "pool/testing/" + program;
  char* argv[] = {const_cast<char*>(path.c_str()),
                  const_cast<char*>(mode.c_str()), nullptr};
  pid_t pid = 0;
  const int result =
      posix_spawn(&pid, path.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (result != 0) throw std::runtime_error("posix_spawn of " + path);
  output.CloseWriteEnd();
  errors.CloseWriteEnd();
  Ended ended;
  ReadAll(output, errors, ended);
  // It has closed its pipes, or is too late. A zombie can't be hurt any more.
  const Countdown countdown(absl::Seconds(5));
  while (waitpid(pid, &ended.status, WNOHANG) == 0) {
    if (countdown.Remaining() == absl::ZeroDuration()) {
      kill(pid, SIGKILL);
      waitpid(pid, &ended.status, 0);
      break;
    }
    usleep(1000);
  }
  return ended;
}

// By how the program is linked.
class GlobalShutdownTest : public ::testing::TestWithParam<const char*> {
 protected:
  static Ended Run(const std::string& mode) {
    const Ended ended = RunProgram(GetParam(), mode);
    // Seen when a test fails.
    std::printf("status: %#x\n%s", ended.status, ended.errors.c_str());
    return ended;
  }
};

// --- Ways to end ---

TEST_P(GlobalShutdownTest, ClosesALeakedPoolWhenMainReturns) {
  const Ended ended = Run("return");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, AllOf(HasSubstr("asked to stop\n"),
                                  HasSubstr("pending task cancelled\n"),
                                  Not(HasSubstr("a pending task ran"))));
}

TEST_P(GlobalShutdownTest, ClosesPoolsBeforeStaticObjectsGo) {
  const Ended ended = Run("return");
  EXPECT_LT(ended.output.find("asked to stop"),
            ended.output.find("static objects go"));
}

TEST_P(GlobalShutdownTest, ClosesALeakedPoolOnExit) {
  const Ended ended = Run("exit");
  EXPECT_TRUE(ended.exited_with(4));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
}

// An exit() that is called in a shared library can't keep this.
TEST(GlobalShutdownOfAStaticProgram,
     ClosesPoolsOnExitBeforeStaticObjectsThatAreYounger) {
  const Ended ended =
      RunProgram("shutdown_program", "exit_with_a_young_static");
  EXPECT_TRUE(ended.exited_with(4));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
  EXPECT_LT(ended.output.find("asked to stop"),
            ended.output.find("young static goes"));
}

TEST_P(GlobalShutdownTest, ExitUnderAPoolOnTheStackEnds) {
  EXPECT_TRUE(Run("exit_under_a_pool").exited_with(4));
}

TEST_P(GlobalShutdownTest, ExitInATaskDoesNotWaitForThatTask) {
  const Ended ended = Run("exit_in_task");
  EXPECT_TRUE(ended.exited_with(5));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
}

TEST_P(GlobalShutdownTest, ExitInATaskThatAnotherWaitsForEnds) {
  EXPECT_TRUE(Run("exit_in_waiting_task").exited_with(5));
}

// Somebody else's shutdown waits for the task, which waits for the shutdown.
TEST_P(GlobalShutdownTest, ExitInATaskDuringTheShutdownEnds) {
  const Ended ended = Run("exit_in_task_during_the_shutdown");
  EXPECT_TRUE(ended.exited_with(5));
  EXPECT_THAT(ended.errors, Not(HasSubstr("still running")));
}

TEST_P(GlobalShutdownTest, ExitInAnInitializerEnds) {
  const Ended ended = Run("exit_in_initializer");
  EXPECT_TRUE(ended.exited_with(5));
  EXPECT_EQ(ended.errors, "");
}

TEST_P(GlobalShutdownTest, ExitInACallbackEnds) {
  EXPECT_TRUE(Run("exit_in_callback").exited_with(5));
}

TEST_P(GlobalShutdownTest, ExitInAThreadOfTheProgramsOwnEnds) {
  const Ended ended = Run("exit_in_thread");
  EXPECT_TRUE(ended.exited_with(5));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
}

TEST_P(GlobalShutdownTest, ClosesALeakedPoolWhenAnExceptionLeavesMain) {
  const Ended ended = Run("throw");
  EXPECT_TRUE(ended.died_of(SIGABRT));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
  EXPECT_THAT(ended.errors, HasSubstr("this leaves main"));
}

// Without unwinding, a lock that the throwing function held would never be
// given back, and the shutdown would wait for it.
TEST_P(GlobalShutdownTest, ErrorOfAClosedPoolThatNobodyCatchesHoldsNothingUp) {
  const Ended ended = Run("throw_closed");
  EXPECT_TRUE(ended.died_of(SIGABRT));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
  EXPECT_THAT(ended.errors, AllOf(HasSubstr("ClosedPoolError"),
                                  Not(HasSubstr("did not return"))));
}

TEST_P(GlobalShutdownTest, ErrorOfABrokenPoolThatNobodyCatchesHoldsNothingUp) {
  const Ended ended = Run("throw_broken");
  EXPECT_TRUE(ended.died_of(SIGABRT));
  EXPECT_THAT(ended.output, HasSubstr("asked to stop\n"));
  EXPECT_THAT(ended.errors, AllOf(HasSubstr("InitializerError"),
                                  Not(HasSubstr("did not return"))));
}

TEST_P(GlobalShutdownTest, AbortDoesNotWait) {
  EXPECT_TRUE(Run("abort").died_of(SIGABRT));
}

TEST_P(GlobalShutdownTest, UnderscoreExitDoesNotWait) {
  EXPECT_TRUE(Run("_exit").exited_with(6));
}

TEST_P(GlobalShutdownTest, QuickExitDoesNotWait) {
  EXPECT_TRUE(Run("quick_exit").exited_with(6));
}

// --- Modes ---

TEST_P(GlobalShutdownTest, RunsWhatIsPendingWhereItIsToDrain) {
  const Ended ended = Run("drain");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, HasSubstr("a pending task ran\na pending task ran\n"
                                      "a pending task ran\n"));
}

TEST_P(GlobalShutdownTest, CancelsWhatIsPendingWhenDrainingTakesTooLong) {
  const Ended ended = Run("drain_past_the_deadline");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, AllOf(HasSubstr("asked to stop\n"),
                                  HasSubstr("pending task cancelled\n")));
  EXPECT_THAT(ended.errors, HasSubstr("stuck task"));
}

TEST_P(GlobalShutdownTest, LeavesPoolsAloneWhereItIsToldTo) {
  const Ended ended = Run("none");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, HasSubstr("another handler ran\n"));
  EXPECT_EQ(ended.errors, "");
}

// --- What hangs and what throws ---

TEST_P(GlobalShutdownTest, HungTaskDoesNotHoldUpTheEnd) {
  EXPECT_TRUE(Run("hang").exited_with(3));
}

TEST_P(GlobalShutdownTest, HungTaskIsNamedWithItsPool) {
  EXPECT_THAT(Run("hang").errors,
              AllOf(HasSubstr("pool 'hung pool'"), HasSubstr("stuck task")));
}

TEST_P(GlobalShutdownTest, HungTaskDoesNotKeepOtherPoolsOpen) {
  EXPECT_THAT(Run("hang").output, HasSubstr("asked to stop\n"));
}

TEST_P(GlobalShutdownTest, HandlerThatThrowsIsReported) {
  EXPECT_THAT(Run("hang").errors, HasSubstr("bad handler"));
}

TEST_P(GlobalShutdownTest, HandlerThatThrowsStopsNoOther) {
  EXPECT_THAT(Run("hang").output, HasSubstr("another handler ran\n"));
}

TEST_P(GlobalShutdownTest, HungHandlerDoesNotHoldUpTheEnd) {
  const Ended ended = Run("hanging_handler");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.errors, HasSubstr("1 shutdown handler(s)"));
}

// --- Pools before and after main() ---

TEST_P(GlobalShutdownTest, PoolOfAStaticObjectRefusesTasksAfterMain) {
  const Ended ended = Run("static_pool");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, HasSubstr("accepted\nstatic objects go\nrefused"));
}

TEST_P(GlobalShutdownTest, PoolMadeAfterMainRefusesTasks) {
  const Ended ended = Run("late_pool");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, HasSubstr("static objects go\nrefused"));
}

TEST_P(GlobalShutdownTest, PoolMadeBeforeMainWorks) {
  const Ended ended = Run("early_pool");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, HasSubstr("early result\naccepted\n"));
}

// --- Run() by hand ---

TEST_P(GlobalShutdownTest, RunByHandClosesPoolsAndRunsLateHandlersAtOnce) {
  const Ended ended = Run("run");
  EXPECT_TRUE(ended.exited_with(3));
  EXPECT_THAT(ended.output, HasSubstr("terminated\nactive\nlate handler ran"));
}

INSTANTIATE_TEST_SUITE_P(Linked, GlobalShutdownTest,
                         ::testing::Values("shutdown_program",
                                           "shutdown_program_shared",
                                           "shutdown_program_main_in_library"),
                         [](const auto& info) -> std::string {
                           const std::string program = info.param;
                           if (program == "shutdown_program")
                             return "Statically";
                           if (program == "shutdown_program_shared")
                             return "WithSharedLibraries";
                           return "WithMainInALibrary";
                         });

// --- In this process, which is not ending ---

TEST(GlobalShutdown, CountsHandlersThatAreRegistered) {
  const int before = GlobalShutdown::CountHandlers();
  const HandlerId id = GlobalShutdown::Register([] {});
  EXPECT_EQ(GlobalShutdown::CountHandlers(), before + 1);
  GlobalShutdown::Deregister(id);
  EXPECT_EQ(GlobalShutdown::CountHandlers(), before);
}

TEST(GlobalShutdown, DeregisterReturnsFalseTheSecondTime) {
  const HandlerId id = GlobalShutdown::Register([] {});
  EXPECT_TRUE(GlobalShutdown::Deregister(id));
  EXPECT_FALSE(GlobalShutdown::Deregister(id));
}

TEST(GlobalShutdown, IsNotActiveInARunningProgram) {
  EXPECT_FALSE(GlobalShutdown::IsActive());
}

TEST(GlobalShutdown, RefusesAnEmptyHandler) {
  EXPECT_THROW(GlobalShutdown::Register(nullptr), std::invalid_argument);
}

TEST(GlobalShutdown, RefusesANegativeDeadline) {
  EXPECT_THAT([] { GlobalShutdown::SetDeadline(-absl::Seconds(1)); },
              ::testing::ThrowsMessage<std::invalid_argument>(
                  HasSubstr("deadline is -1s")));
}

}  // namespace
}  // namespace asyncpal
