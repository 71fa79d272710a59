#include "asyncpal/bindings/facade/thread_pool.h"

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/future/state.h"
#include "asyncpal/pool/host/host_threads.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::facade {
namespace {

using host::HostTask;
using host::HostThreads;
using ThreadMain = host::ThreadPoolHost::ThreadMain;

void ThrowIfFailed(const Failure& failure) {
  if (!failure.empty()) std::rethrow_exception(ToException(failure));
}

// The host, with failures as values.
class HostAdapter final : public host::ThreadPoolHost {
 public:
  explicit HostAdapter(std::shared_ptr<Host> host) : host_(std::move(host)) {}

  void BeginWorker(const std::string& name) override {
    Failure failure;
    host_->BeginWorker(name, failure);
    ThrowIfFailed(failure);
  }
  void EndWorker() override {
    Failure failure;
    host_->EndWorker(failure);
    ThrowIfFailed(failure);
  }
  bool StartWorker(const std::string& name,
                   std::unique_ptr<ThreadMain> main) override {
    if (!host_->StartWorker(name, reinterpret_cast<int64_t>(main.get()))) {
      return false;
    }
    static_cast<void>(main.release());  // RunWorker() has it
    return true;
  }
  bool Run(int64_t task) override { return host_->Run(task); }
  bool Drop(int64_t task, const std::exception_ptr& why) override {
    return host_->Drop(task, DescribeFailure(why));
  }
  void Expire(int64_t task, const std::exception_ptr& why) override {
    host_->Expire(task, DescribeFailure(why));
  }
  void Broken(const std::exception_ptr& why) override {
    host_->Broken(DescribeFailure(why));
  }
  void Terminated() override { host_->Terminated(); }

 private:
  const std::shared_ptr<Host> host_;
};

int64_t ToHandle(HostTask* task) {
  return task == nullptr ? kNoHandle : reinterpret_cast<int64_t>(task);
}

HostTask* TaskOf(int64_t handle) { return reinterpret_cast<HostTask*>(handle); }

void* WorkerOf(int64_t worker) { return reinterpret_cast<void*>(worker); }

}  // namespace

static_assert(kNoTask == host::kNoTask);

ThreadPool::ThreadPool(Host* host, const NativePoolOptions& settings)
    : ThreadPool(std::shared_ptr<Host>(host), settings) {}

ThreadPool::ThreadPool(std::shared_ptr<Host> host,
                       const NativePoolOptions& settings)
    : Pool(std::make_unique<HostThreads>(
               std::make_shared<HostAdapter>(host),
               HostThreads::Options{
                   .pool = ToPoolOptions(settings),
                   .close_on_exit = settings.close_on_exit,
                   .host_makes_threads = settings.host_makes_threads,
                   .log_sink = ToLogSink(settings)}),
           [host](int64_t join) { host->Joined(join); }) {}

int64_t ThreadPool::Submit(int64_t id) {
  return ToHandle(threads().Submit(id, /*is_chunk=*/false));
}

int64_t ThreadPool::SubmitChunk(int64_t id) {
  return ToHandle(threads().Submit(id, /*is_chunk=*/true));
}

int64_t ThreadPool::Submit(int64_t id, const NativeTaskOptions& settings) {
  return ToHandle(
      threads().Submit(id, ToTaskOptions(settings), ToTaskInfo(settings)));
}

bool ThreadPool::MoveDelayed(int64_t handle, int64_t due) {
  return threads().MoveDelayed(TaskOf(handle), due);
}

bool ThreadPool::IsPending(int64_t handle) {
  return HostThreads::IsPending(TaskOf(handle));
}

int64_t ThreadPool::SubmitToView(const View& view, int64_t key, int64_t id,
                                 const NativeTaskOptions& settings) {
  host::HostTaskInfo info = ToTaskInfo(settings);
  info.view = &view.view_;
  info.key = key;
  return ToHandle(threads().Submit(id, ToTaskOptions(settings), info));
}

int64_t ThreadPool::KeepPlace() { return HostThreads::KeepPlace(); }

void ThreadPool::EndPlace(int64_t kept) { HostThreads::EndPlace(kept); }

void ThreadPool::RunWorker(int64_t worker) {
  const std::unique_ptr<ThreadMain> main(reinterpret_cast<ThreadMain*>(worker));
  (*main)();
}

bool ThreadPool::Settle(int outcome) {
  constexpr FutureState kStates[] = {
      FutureState::kCompleted, FutureState::kFailed, FutureState::kCancelled};
  return HostThreads::Settle(kStates[outcome]);
}

int64_t ThreadPool::GoOn(bool host_keeps_handle) {
  return HostThreads::GoOn(host_keeps_handle);
}

bool ThreadPool::Cancel(int64_t handle) {
  return HostThreads::Cancel(TaskOf(handle));
}

bool ThreadPool::RunInline(int64_t handle) {
  return HostThreads::RunInline(TaskOf(handle));
}

void ThreadPool::CheckWait(int64_t handle) {
  HostThreads::CheckWait(TaskOf(handle));
}

void ThreadPool::Release(int64_t handle) {
  HostThreads::Release(TaskOf(handle));
}

int64_t ThreadPool::CurrentWorker() {
  return reinterpret_cast<int64_t>(HostThreads::CurrentWorker());
}

void ThreadPool::LeaveForExit(int64_t worker) {
  HostThreads::LeaveForExit(WorkerOf(worker));
}

bool ThreadPool::BeginBlocking() { return HostThreads::BeginBlocking(); }

void ThreadPool::EndBlocking() { HostThreads::EndBlocking(); }

void ThreadPool::BeginBlocking(int64_t worker) {
  HostThreads::BeginBlocking(WorkerOf(worker));
}

void ThreadPool::EndBlocking(int64_t worker) {
  HostThreads::EndBlocking(WorkerOf(worker));
}

}  // namespace asyncpal::facade
