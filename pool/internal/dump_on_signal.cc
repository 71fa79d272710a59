#include "asyncpal/pool/internal/dump_on_signal.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

// How it works. The handler may do next to nothing, so it raises a semaphore,
// on which a thread sleeps.

namespace asyncpal::internal {
namespace {

sem_t asked;

void OnSigquit(int) {
  const int saved = errno;
  sem_post(&asked);
  errno = saved;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == &OnSigquit;
}

void ResetInForkedChild() {
  struct sigaction present = {};
  if (sigaction(SIGQUIT, nullptr, &present) != 0 || !IsOurs(present)) return;
  present.sa_handler = SIG_DFL;
  sigaction(SIGQUIT, &present, nullptr);
}

void WriteToStderr(const std::string& text) {
  for (size_t written = 0; written < text.size();) {
    const ssize_t n =
        write(STDERR_FILENO, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    written += static_cast<size_t>(n);
  }
}

void DumpForever(std::string (*dump)()) {
  while (true) {
    if (sem_wait(&asked) != 0) continue;
    try {
      WriteToStderr(dump());
    } catch (const std::exception&) {
      // No memory for it.
    }
  }
}

void Start(std::string (*dump)()) {
  const char* const value = secure_getenv("ASYNCPAL_DUMP_ON_SIGQUIT");
  if (value == nullptr || std::strcmp(value, "1") != 0) return;
  struct sigaction present = {};
  if (sigaction(SIGQUIT, nullptr, &present) != 0 ||
      present.sa_handler != SIG_DFL || sem_init(&asked, 0, 0) != 0) {
    return;
  }
  // The thread takes none of the program's signals.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool has_thread = true;
  try {
    std::thread([dump] { DumpForever(dump); }).detach();
  } catch (const std::exception&) {
    has_thread = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!has_thread) return;
  pthread_atfork(nullptr, nullptr, &ResetInForkedChild);
  struct sigaction action = {};
  action.sa_handler = &OnSigquit;
  action.sa_flags = SA_RESTART;
  sigaction(SIGQUIT, &action, nullptr);
}

}  // namespace

void DumpOnSigquitIfAsked(std::string (*dump)()) {
  static std::once_flag once;
  std::call_once(once, [dump] { Start(dump); });
}

}  // namespace asyncpal::internal
