#include "asyncpal/bindings/facade/observer.h"

#include <utility>

#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/option_names.h"

namespace asyncpal::facade {
namespace {

TaskReport ToReport(const asyncpal::TaskReport& task) {
  return {.pool = task.pool,
          .name = task.name,
          .id = static_cast<int64_t>(task.id),
          .state = static_cast<int>(task.outcome),
          .lost = task.lost,
          .waited = ToNanos(task.waited),
          .ran = ToNanos(task.ran),
          .worker = task.worker,
          .pid = task.pid.value_or(0),
          .attempt = task.attempt};
}

class HostObserver final : public PoolObserver {
 public:
  explicit HostObserver(std::unique_ptr<ObserverHost> host)
      : host_(std::move(host)) {}

  void OnSubmit(const asyncpal::TaskReport& task) override {
    host_->OnSubmit(ToReport(task));
  }
  void OnStart(const asyncpal::TaskReport& task) override {
    host_->OnStart(ToReport(task));
  }
  void OnDone(const asyncpal::TaskReport& task) override {
    host_->OnDone(ToReport(task));
  }
  void OnWorkerStarted(const asyncpal::WorkerInfo& worker) override {
    host_->OnWorkerStarted(ToWorkerInfo(worker));
  }
  void OnWorkerEnded(const asyncpal::WorkerInfo& worker,
                     const std::string& why) override {
    host_->OnWorkerEnded(ToWorkerInfo(worker), InNamesOfHost(why));
  }
  void OnStall(const asyncpal::TaskReport& task,
               const std::string& stack) override {
    host_->OnStall(ToReport(task), stack);
  }

 private:
  const std::unique_ptr<ObserverHost> host_;
};

}  // namespace

void SetObserver(NativePoolOptions& settings, ObserverHost* host) {
  settings.observer =
      std::make_shared<HostObserver>(std::unique_ptr<ObserverHost>(host));
}

}  // namespace asyncpal::facade
