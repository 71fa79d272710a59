#include "asyncpal/ipc/worker/worker_main.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/errors/exception_codec.h"
#include "asyncpal/ipc/errors/exception_link.h"
#include "asyncpal/ipc/errors/throw_trace.h"
#include "asyncpal/ipc/internal/file_loan.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/crash_notes.h"
#include "asyncpal/ipc/worker/current_task.h"
#include "asyncpal/ipc/worker/failpoint.h"
#include "asyncpal/ipc/worker/partial_results.h"
#include "asyncpal/ipc/worker/request_channel.h"
#include "asyncpal/ipc/worker/result_files.h"
#include "asyncpal/ipc/worker/secure_execution.h"
#include "asyncpal/ipc/worker/thread_defaults.h"
#include "asyncpal/ipc/worker/worker_inbox.h"
#include "asyncpal/ipc/worker/worker_protocol.h"
#include "capnp/message.h"

// In main_hook.cc, if the program is linked with it.
extern "C" [[gnu::weak]] int __wrap_main(int argc, char** argv, char** envp);

namespace asyncpal::internal {
namespace {

// Whether this process is one that a task in a worker has forked.
bool is_forked_child = false;

// How long a worker without a task keeps memory for large results.
constexpr absl::Duration kIdleBeforeGivingBack = absl::Seconds(1);

// Null: no parent answers. Written before the first call, and after a fork.
constinit std::atomic<bool> becomes_worker = false;

RequestClient* request_client = nullptr;

// Null: this process is no worker, or not yet ready.
PartialResults* partial_results = nullptr;

// What the parent wants of this worker beside tasks.
struct Setup {
  EncodedCall initializer;
  EncodedCall finalizer;
  bool has_initializer = false;
  bool has_finalizer = false;
  bool no_new_privileges = false;
  bool has_claim_page = false;
  uint64_t max_payload_bytes = 0;
};

void FlushOutput() {
  std::cout.flush();
  std::fflush(nullptr);
}

// Ends the process without the program's static destructors: other threads that
// tasks have started may still be running.
[[noreturn]] void EndWorker(int code) {
  FlushOutput();
  _exit(code);
}

// Zero: unknown.
size_t CountThreads() {
  struct stat tasks = {};
  // A folder has a link from each folder in it, and two more.
  return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2
             ? tasks.st_nlink - 2
             : 0;
}

// Up to here, the parent has kept what this process wrote to stderr, for the
// error that tells why it did not start.
void UseParentsStderr() {
  if (fcntl(kWorkerStderr, F_GETFD) == -1) return;
  dup2(kWorkerStderr, STDERR_FILENO);
  close(kWorkerStderr);
}

// For all threads that there are, and what they start.
void ForbidNewPrivileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    AbandonWorker("can't set no_new_privs");
  }
  // That was this thread's alone. A filter that allows everything, set for all
  // threads at once, takes the bit along.
  sock_filter allow_all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog filter = {1, &allow_all};
  if (CountThreads() != 1 &&
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
              SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
              &filter) != 0) {
    AbandonWorker("can't set no_new_privs for threads that run already");
  }
}

class Worker {
 public:
  Worker()
      : channel_(UniqueFd(kWorkerSocket),
                 {.max_message_bytes = kMaxExceptionMessageBytes}) {}

  [[noreturn]] void Run() {
    ASYNCPAL_FAILPOINT("handshake");
    SendHandshake();
    Setup setup = ReceiveSetup();
    if (setup.has_claim_page) {
      page_ = ClaimPage::Attach(kWorkerClaimPage);
      files_.emplace(*page_);
    }
    close(kWorkerClaimPage);
    if (setup.no_new_privileges) ForbidNewPrivileges();
    Initialize(setup);
    defaults_.emplace();  // with what the initializer has set for all tasks
    partial_results =
        new PartialResults(channel_, page_.has_value() ? &*page_ : nullptr,
                           static_cast<int64_t>(setup.max_payload_bytes));
    auto& inbox =
        *new WorkerInbox(channel_, setup.max_payload_bytes, partial_results);
    inbox.Start();
    if (page_.has_value()) NoteCrashes(*page_);
    max_payload_bytes_ = static_cast<int64_t>(setup.max_payload_bytes);
    while (true) {
      if (files_.has_value() && !files_->empty() &&
          !inbox.WaitForInput(kIdleBeforeGivingBack)) {
        files_->GiveBack();
      }
      const WorkerInbox::Order order = inbox.Next();
      if (order.stop) Stop(setup);
      RunTask(inbox, order);
    }
  }

 private:
  struct Value {
    Payload bytes = {};
    uint8_t kept_file = 0;  // Result::keptFile
  };

  void SendHandshake() {
    capnp::MallocMessageBuilder message;
    auto handshake = message.initRoot<wire::Message>().initHandshake();
    handshake.setSchemaVersion(kSchemaVersion);
    const std::string build_id = ExecutableBuildId();
    handshake.setBuildId(kj::arrayPtr(
        reinterpret_cast<const kj::byte*>(build_id.data()), build_id.size()));
    handshake.setPid(getpid());
    channel_.Send(message);
  }

  Setup ReceiveSetup() {
    if (channel_.Receive() != Channel::Received::kFrame) {
      AbandonWorker(nullptr);
    }
    return GuardWire([&] {
      if (!channel_.frame().message.isSetup()) {
        throw ProtocolError("the parent sent no setup");
      }
      const auto in = channel_.frame().message.getSetup();
      Setup setup;
      setup.max_payload_bytes = static_cast<uint64_t>(in.getMaxPayloadBytes());
      setup.no_new_privileges = in.getNoNewPrivileges();
      setup.has_claim_page = !in.getClaimsBySocket();
      std::string body = std::move(channel_.frame().body);
      setup.has_initializer =
          ReadHook(in.getInitializer(), body, &setup.initializer);
      setup.has_finalizer = ReadHook(in.getFinalizer(), body, &setup.finalizer);
      return setup;
    });
  }

  // Takes its arguments off the beginning of `body`.
  static bool ReadHook(wire::Call::Reader in, std::string& body,
                       EncodedCall* call) {
    if (in.getCode().isNone()) return false;
    *call = ReadCode(in);
    const uint64_t size = in.getArguments().getInFrame();
    call->arguments = Payload::OfBytes(body.substr(0, size));
    body.erase(0, size);
    return true;
  }

  void Initialize(const Setup& setup) {
    capnp::MallocMessageBuilder message;
    auto answer = message.initRoot<wire::Message>();
    try {
      if (setup.has_initializer) RunHere(setup.initializer);
    } catch (...) {
      EncodeException(CaughtException("the initializer"), answer.initFailed());
      channel_.Send(message);
      EndWorker(1);
    }
    answer.setReady();
    if (setup.has_initializer) FlushOutput();
    UseParentsStderr();
    channel_.Send(message);
  }

  [[noreturn]] void Stop(const Setup& setup) {
    capnp::MallocMessageBuilder message;
    auto stopped = message.initRoot<wire::Message>().initStopped();
    try {
      if (setup.has_finalizer) RunHere(setup.finalizer);
    } catch (...) {
      EncodeException(CaughtException("the finalizer"), stopped.initFailure());
      FlushOutput();
      channel_.Send(message);
      EndWorker(0);
    }
    FlushOutput();
    channel_.Send(message);
    EndWorker(0);
  }

  void RunTask(WorkerInbox& inbox, const WorkerInbox::Order& order) {
    if (!StartTask(order)) return;  // it was revoked
    ASYNCPAL_FAILPOINT("after_started");
    Value value;
    std::exception_ptr failure;
    try {
      const TaskEntry& entry = Resolve(order.call);
      Decoder arguments(order.call.arguments);
      Encoder result(max_payload_bytes_);
      std::optional<ResultFiles::Loan> loan;
      if (files_.has_value()) loan.emplace(*files_, result);
      const std::stop_token stop =
          inbox.BeginTask(order.attempt, entry.stoppable());
      const WorkerTask task = {.attempt = order.attempt,
                               .id = order.id,
                               .run = order.run,
                               .name = order.name,
                               .traceparent = order.traceparent,
                               .stop = stop,
                               .page = page_.has_value() ? &*page_ : nullptr,
                               .partial_results = partial_results};
      const WorkerTaskScope scope(task);
      entry.stub()(arguments, stop, result);
      value.bytes = result.Finish();
      if (loan.has_value()) {
        value.kept_file = loan->Give(order.attempt, value.bytes);
      }
    } catch (...) {
      failure = CaughtException("the task");
      if (std::current_exception() == nullptr) {
        // This thread can't go on to another task.
        FinishTask(inbox, order, value, failure, /*exiting=*/true);
        EndWorker(0);
      }
    }
    FinishTask(inbox, order, value, failure, /*exiting=*/false);
  }

  bool StartTask(const WorkerInbox::Order& order) {
    if (page_.has_value()) return page_->Start(order.slot, order.attempt);
    capnp::word scratch[16] = {};
    capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 16));
    auto started = message.initRoot<wire::Message>().initStarted();
    started.setAttempt(order.attempt);
    started.setSlot(static_cast<uint8_t>(order.slot));
    channel_.Send(message);
    return true;
  }

  void FinishTask(WorkerInbox& inbox, const WorkerInbox::Order& order,
                  const Value& result, const std::exception_ptr& failure,
                  bool exiting) {
    const Payload& value = result.bytes;
    if (is_forked_child) {
      AbandonWorker("a child that a task has forked came back from the task");
    }
    inbox.EndTask();
    FlushOutput();
    const bool has_parts = partial_results->EndTask(failure != nullptr);
    // Who is asleep must be woken by a message anyway.
    const bool is_answer = page_.has_value() && failure == nullptr &&
                           !has_parts && !exiting && !value.is_memfd() &&
                           value.size() <= ClaimPage::kAnswerBytes &&
                           !page_->MustNotify(order.attempt);
    const bool is_mine =
        is_answer
            ? page_->Answer(order.slot, order.attempt, value.bytes())
            : !page_.has_value() || page_->Finish(order.slot, order.attempt);
    if (!is_mine) {
      while (true) pause();  // the parent is about to kill this process
    }
    if (!is_answer) {
      ASYNCPAL_FAILPOINT("before_result");
      SendResult(order.attempt, result, failure, exiting);
    } else if (page_->MustNotify(
                   order.attempt)) {  // the parent changed its mind
      Notify(order.attempt);
    }
    ASYNCPAL_FAILPOINT("after_result");
    defaults_->Restore();  // while the parent has the result already
  }

  void Notify(uint64_t attempt) {
    capnp::word scratch[16] = {};
    capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 16));
    message.initRoot<wire::Message>().setAnswered(attempt);
    channel_.Send(message);
  }

  // In a catch block. pthread_exit() comes by as something that is no exception
  // and must not be caught for good: the process has to end inside the block.
  static std::exception_ptr CaughtException(const char* who) {
    std::exception_ptr error = std::current_exception();
    if (error != nullptr) return error;
    return std::make_exception_ptr(InvalidStateError(
        absl::StrCat(who, " ended its thread by pthread_exit")));
  }

  const TaskEntry& Resolve(const EncodedCall& call) {
    if (!call.name.empty() || last_entry_ == nullptr ||
        call.code.offset != last_code_.offset ||
        call.code.module != last_code_.module) {
      last_entry_ = nullptr;
      const TaskEntry& entry = ResolveEntry(call.code, call.name);
      if (!call.name.empty()) return entry;
      last_entry_ = &entry;
      last_code_ = call.code;
    }
    return *last_entry_;
  }

  void SendResult(uint64_t attempt, const Value& value,
                  const std::exception_ptr& failure, bool exiting) {
    capnp::word scratch[64] = {};
    capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 64));
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    result.setExiting(exiting);
    if (failure != nullptr) {
      EncodeException(failure, result.initFailure());
      channel_.Send(message);
    } else {
      DescribePayload(value.bytes, result);
      result.setKeptFile(value.kept_file);
      channel_.Send(message, BodyOf(value.bytes), value.bytes.memfd());
    }
  }

  Channel channel_;
  std::optional<ClaimPage> page_;
  std::optional<ResultFiles> files_;        // none without a page
  std::optional<ThreadDefaults> defaults_;  // once it is initialized
  int64_t max_payload_bytes_ = 0;
  const TaskEntry* last_entry_ = nullptr;  // the same is often called again
  CodeAddress last_code_;
};

// A fork of this worker is not the worker: it must not keep the parent from
// seeing that the worker has ended.
void LeaveWorkToTheParent() {
  close(kWorkerSocket);
  if (request_client != nullptr) close(kWorkerRequests);
  request_client = nullptr;
  if (partial_results != nullptr) partial_results->OnFork();
  FileLoan::EndForThread();
  is_forked_child = true;
}

void PrepareProcess() {
  // Only a belt: it ends the worker with the thread that started it. The
  // socket's end is what tells that the parent is gone.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int fd : {kWorkerSocket, kWorkerClaimPage, kWorkerStderr}) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  // A job in the background that prints to a terminal with `stty tostop` would
  // be stopped for ever.
  signal(SIGTTOU, SIG_IGN);
  if (std::getenv(kRequestsVariable) != nullptr) {
    unsetenv(kRequestsVariable);
    fcntl(kWorkerRequests, F_SETFD, FD_CLOEXEC);
    request_client = new RequestClient(UniqueFd(kWorkerRequests));
  }
  pthread_atfork(nullptr, nullptr, &LeaveWorkToTheParent);
  // Whole lines, so that those of several workers don't mix.
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::setvbuf(stderr, nullptr, _IOLBF, 0);
  std::cerr.unsetf(std::ios_base::unitbuf);
  // If the machine runs out of memory, rather this than the parent.
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
      fd >= 0) {
    if (write(fd, "500", 3) < 0) {
      // Not allowed: then it takes its chance like everyone.
    }
    close(fd);
  }
}

bool IsSocket(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

}  // namespace

// In a process with rights of its file, too: it refuses to be a worker, rather
// than that a second main() runs in it.
bool IsFutureWorker() {
  return std::getenv(kWorkerVariable) != nullptr && IsSocket(kWorkerSocket);
}

std::string AskParent(const std::string& request) {
  if (request_client == nullptr) {
    throw InvalidStateError("this process has no parent to ask");
  }
  return request_client->Ask(request);
}

int WorkerDepth() {
  const char* const text = std::getenv(kDepthVariable);
  int depth = 0;
  return text != nullptr && absl::SimpleAtoi(text, &depth) ? depth : 0;
}

bool BecomesWorker() { return becomes_worker || &__wrap_main != nullptr; }

void PromiseToBecomeWorker() { becomes_worker = true; }

void BecomeWorkerIfAsked() {
  PromiseToBecomeWorker();
  if (!IsFutureWorker()) return;
  // What tasks start in their turn are not workers of this parent.
  unsetenv(kWorkerVariable);
  // Nor do they, or this process, write into its file.
  unsetenv("ASYNCPAL_TRACE");
  if (IsSecureExecution()) {
    AbandonWorker(
        "a program with rights of its file (setuid, setgid or file "
        "capabilities), or that was started with another effective user than "
        "its real one, can't be a worker");
  }
  PrepareProcess();
  EnableThrowTraces();
  try {
    // Never destroyed: other threads may use it to the end.
    (new Worker)->Run();
  } catch (const ChannelClosedError&) {
    AbandonWorker(nullptr);
  } catch (const std::exception& error) {
    AbandonWorker(error.what());
  }
}

}  // namespace asyncpal::internal
