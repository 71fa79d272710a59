#include "asyncpal/pool/testing/launch_faults.h"

#include <dlfcn.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <system_error>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/testing/descriptors.h"

namespace asyncpal::testing {

std::atomic<int> spawns = 0;
std::atomic<std::function<void()>*> before_spawn = nullptr;

namespace {

std::atomic<int> failures_left = 0;
std::atomic<int> failure = EAGAIN;

// Breaking::code of it.
int CodeOf(const std::exception& error) {
  if (const auto* const cause =
          dynamic_cast<const std::system_error*>(&error)) {
    return cause->code().value();
  }
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    return CodeOf(cause);
  }
  return 0;
}

}  // namespace

int Echo(int n) { return n; }

ProcessPoolLaunch::ProcessPoolLaunch() {
  // What is opened once for the whole program stays.
  ProcessPool(1).Submit(Echo, 1).Collect(kLong);
  descriptors_ = ListDescriptors();
  spawns = 0;
  failures_left = 0;
}

void ProcessPoolLaunch::FailSpawns(int times, int error) {
  failure = error;
  failures_left = times;
}

ProcessPoolLaunch::Breaking ProcessPoolLaunch::Break(ProcessPool& pool) {
  try {
    pool.Submit(Echo, 1).Collect(kLong);
    ADD_FAILURE() << "a worker was started";
  } catch (const BrokenPoolError& error) {
    return {error.what(), CodeOf(error)};
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  return {};
}

void ProcessPoolLaunch::ExpectNothingLeft() const {
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(ListDescriptors(), descriptors_);
}

}  // namespace asyncpal::testing

extern "C" int posix_spawnp(pid_t* pid, const char* file,
                            const posix_spawn_file_actions_t* actions,
                            const posix_spawnattr_t* attributes,
                            char* const argv[], char* const environment[]) {
  using asyncpal::testing::failures_left;
  using Spawn = decltype(&posix_spawnp);
  static const auto spawn =
      reinterpret_cast<Spawn>(dlsym(RTLD_NEXT, "posix_spawnp"));
  ++asyncpal::testing::spawns;
  if (auto* const hook = asyncpal::testing::before_spawn.exchange(nullptr)) {
    (*hook)();
  }
  if (failures_left.fetch_sub(1) > 0) return asyncpal::testing::failure;
  failures_left.fetch_add(1);
  return spawn(pid, file, actions, attributes, argv, environment);
}
