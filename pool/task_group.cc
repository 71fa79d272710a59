#include "asyncpal/pool/task_group.h"

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/thread_pool.h"

namespace asyncpal {

using internal::MutexLock;
using internal::ResultState;
using internal::StateRef;

bool TaskGroup::Gate::Enter() {
  MutexLock lock(mu_);
  if (closed_) return false;
  ++inside_;
  return true;
}

void TaskGroup::Gate::Leave() {
  MutexLock lock(mu_);
  if (--inside_ == 0) empty_.NotifyAll();
}

void TaskGroup::Gate::Fail() {
  MutexLock lock(mu_);
  closed_ = true;
  if (first_ == nullptr) first_ = std::current_exception();
}

void TaskGroup::Gate::Close() {
  MutexLock lock(mu_);
  closed_ = true;
}

std::exception_ptr TaskGroup::Gate::WaitUntilEmpty(bool is_open) {
  MutexLock lock(mu_);
  // All tasks are over, but for one that is not the pool's any more: a
  // CancelledTask that somebody else calls at this moment.
  while (inside_ > 0) empty_.Wait(mu_);
  closed_ = !is_open;
  return std::exchange(first_, nullptr);
}

TaskGroup::TaskGroup(ThreadPool& pool)
    : core_(pool.core()), gate_(std::make_shared<Gate>()) {}

TaskGroup::~TaskGroup() {
  const auto gate = this->gate();
  gate->Close();
  WaitForTasks();
  gate->WaitUntilEmpty(/*is_open=*/false);
}

std::shared_ptr<TaskGroup::Gate> TaskGroup::gate() {
  MutexLock lock(mu_);
  return gate_;
}

bool TaskGroup::IsInside() const {
  return internal::ThreadWorker::CurrentOf(
             static_cast<internal::ThreadCore&>(core_)) != nullptr;
}

void TaskGroup::Submit(ResultState<void>* task) {
  auto mine = StateRef<ResultState<void>>::ShareNew(task);
  {
    MutexLock lock(mu_);
    try {
      tasks_.push_back(mine);
    } catch (...) {
      task->Release();
      throw;
    }
  }
  try {
    core_.Submit(task);
  } catch (...) {
    // Nobody is to wait for it. It may be the last one no more.
    MutexLock lock(mu_);
    std::erase_if(tasks_, [&](const auto& one) { return one.get() == task; });
    throw;
  }
}

std::exception_ptr TaskGroup::WaitForTasks() {
  std::exception_ptr error;
  while (true) {
    std::vector<StateRef<ResultState<void>>> tasks;
    {
      MutexLock lock(mu_);
      tasks.swap(tasks_);
    }
    if (tasks.empty()) return error;
    // The youngest first: the others may be taken from the queue meanwhile.
    for (; !tasks.empty(); tasks.pop_back()) {
      ResultState<void>& task = *tasks.back();
      task.Wait(absl::InfiniteDuration());
      if (error != nullptr || task.state() == FutureState::kCompleted) continue;
      error = task.state() == FutureState::kFailed
                  ? task.error()
                  : std::make_exception_ptr(CancelledError(
                        task.Describe() + " of a TaskGroup was cancelled"));
    }
  }
}

void TaskGroup::Wait() {
  const auto gate = this->gate();
  const std::exception_ptr error = WaitForTasks();
  const std::exception_ptr thrown =
      gate->WaitUntilEmpty(/*is_open=*/error == nullptr);
  if (error != nullptr) {
    // Tasks that did not run may be called by others, and find it closed.
    auto fresh = std::make_shared<Gate>();
    MutexLock lock(mu_);
    gate_ = std::move(fresh);
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace asyncpal
