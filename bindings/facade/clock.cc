#include "asyncpal/bindings/facade/clock.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/pool/clock.h"

namespace asyncpal::facade {
namespace {

class HostTimer final : public Clock::Timer {
 public:
  HostTimer(std::shared_ptr<ClockHost> host,
            absl::AnyInvocable<void()> function)
      : host_(std::move(host)),
        function_(
            std::make_shared<absl::AnyInvocable<void()>>(std::move(function))),
        timer_(host_->MakeTimer(reinterpret_cast<int64_t>(this))) {
    if (timer_ == 0) throw std::runtime_error("the host has no timer");
  }
  ~HostTimer() override {
    if (timer_ != 0) host_->EndTimer(timer_);
  }

  void Set(absl::Duration time) override {
    host_->SetTimer(timer_, ToNanos(time));
  }

  void Run() const {
    const auto function = function_;  // which may end this timer
    (*function)();
  }

 private:
  const std::shared_ptr<ClockHost> host_;
  const std::shared_ptr<absl::AnyInvocable<void()>> function_;
  const int64_t timer_;
};

class HostClock final : public Clock {
 public:
  explicit HostClock(std::shared_ptr<ClockHost> host)
      : host_(std::move(host)) {}

  absl::Duration Now() override { return FromNanos(host_->Now()); }
  std::unique_ptr<Timer> MakeTimer(
      absl::AnyInvocable<void()> function) override {
    return std::make_unique<HostTimer>(host_, std::move(function));
  }

 private:
  const std::shared_ptr<ClockHost> host_;
};

}  // namespace

void SetClock(NativePoolOptions& settings, ClockHost* host) {
  settings.clock =
      std::make_shared<HostClock>(std::shared_ptr<ClockHost>(host));
}

void RunTimer(int64_t timer) {
  reinterpret_cast<const HostTimer*>(timer)->Run();
}

}  // namespace asyncpal::facade
