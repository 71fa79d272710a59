#include "asyncpal/future/log.h"

#include <pthread.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal {
namespace {

using SinkFunction = absl::AnyInvocable<void(LogSeverity, std::string_view)>;

struct Sink {
  SinkFunction write;
  int calls = 0;  // under way; guarded by Sinks::mu_
};

// The one that this thread is inside of.
constinit thread_local const Sink* entered = nullptr;

void WriteToStderr(std::string_view message) {
  // In one piece, lest another thread's output come in between.
  std::string line;
  line.reserve(message.size() + 16);
  line.append("asyncpal: ").append(message).append("\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

// The process's sink.
//
// Threads: any; each sink is called without the lock.
// Lifetime: for ever. Ordering, Errors, Shutdown: see SetLogSink().
class Sinks {
 public:
  static Sinks& Global() {
    static auto* const sinks = [] {
      // A child must not find the lock held by a thread that it does not have.
      pthread_atfork([] { Global().LockForFork(); },
                     [] { Global().UnlockAfterFork(); },
                     [] { Global().UnlockInForkedChild(); });
      return new Sinks;
    }();
    return *sinks;
  }

  void Set(SinkFunction write) {
    std::shared_ptr<Sink> sink;
    if (write != nullptr) {
      sink = std::make_shared<Sink>();
      sink->write = std::move(write);
    }
    MutexLock lock(mu_);
    sink_.swap(sink);
    const bool may_wait = entered == nullptr;
    while (may_wait && sink != nullptr && sink->calls > 0) ended_.Wait(mu_);
    lock.Unlock();
    sink.reset();  // with no lock held
  }

  // False: there is none, or this thread is inside of one.
  bool Write(LogSeverity severity, std::string_view message) {
    if (entered != nullptr) return false;
    const std::shared_ptr<Sink> sink = Enter();
    if (sink == nullptr) return false;
    std::exception_ptr error;
    try {
      sink->write(severity, message);
    } catch (...) {
      error = std::current_exception();
    }
    Leave(*sink);
    if (error == nullptr) return true;
    WriteToStderr(absl::StrCat("the log sink threw: ",
                               internal::DescribeException(error)));
    return false;
  }

 private:
  using Mutex = internal::Mutex;
  using MutexLock = internal::MutexLock<Mutex>;

  std::shared_ptr<Sink> Enter() {
    MutexLock lock(mu_);
    if (sink_ == nullptr) return nullptr;
    ++sink_->calls;
    entered = sink_.get();
    return sink_;
  }

  void Leave(Sink& sink) {
    MutexLock lock(mu_);
    entered = nullptr;
    if (--sink.calls == 0) ended_.NotifyAll();
  }

  void LockForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu_.Lock(); }
  void UnlockAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu_.Unlock(); }
  void UnlockInForkedChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    // The other threads, and what they are inside of, are the parent's.
    if (sink_ != nullptr) sink_->calls = entered == sink_.get() ? 1 : 0;
    mu_.Unlock();
  }

  Mutex mu_;
  internal::CondVar ended_;  // calls of a sink
  std::shared_ptr<Sink> sink_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

void SetLogSink(SinkFunction sink) { Sinks::Global().Set(std::move(sink)); }

namespace internal {

void Log(LogSeverity severity, std::string_view message) noexcept {
  try {
    ExpectNoLockHeld(std::string(message));
    if (!Sinks::Global().Write(severity, message)) WriteToStderr(message);
  } catch (const std::exception&) {
    // There is no memory for it.
  }
}

}  // namespace internal
}  // namespace asyncpal
