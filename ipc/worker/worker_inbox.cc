#include "asyncpal/ipc/worker/worker_inbox.h"

#include <poll.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/log.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker/partial_results.h"
#include "asyncpal/ipc/worker/worker_protocol.h"

namespace asyncpal::internal {
namespace {

// How long a task runs undisturbed before the watcher reads in its place, and
// how long a worker must be idle until the watcher sleeps.
constexpr int kTickMs = 20;

}  // namespace

void AbandonWorker(const char* reason) {
  if (reason != nullptr) {
    Log(LogSeverity::kError,
        absl::StrCat("worker process ", getpid(), " ends: ", reason));
  }
  _exit(1);
}

WorkerInbox::WorkerInbox(Channel& channel, uint64_t max_payload_bytes,
                         PartialResults* partial_results)
    : channel_(channel),
      max_payload_bytes_(max_payload_bytes),
      partial_results_(partial_results) {}

void WorkerInbox::Start() {
  std::thread([this] { Watch(); }).detach();
}

WorkerInbox::Order WorkerInbox::Next() {
  {
    MutexLock lock(mu_);
    if (!read_ahead_.empty()) {
      Order order = std::move(read_ahead_.front());
      read_ahead_.pop_front();
      return order;
    }
  }
  try {
    while (true) {
      if (channel_.Receive() == Channel::Received::kClosed) {
        AbandonWorker(nullptr);
      }
      // A request to stop what is over by now is not an order.
      if (auto order = ParseFrame()) return *std::move(order);
    }
  } catch (const std::exception& error) {
    AbandonWorker(error.what());
  }
}

bool WorkerInbox::WaitForInput(absl::Duration limit) {
  {
    MutexLock lock(mu_);
    if (!read_ahead_.empty()) return true;
  }
  if (channel_.has_buffered_input()) return true;
  pollfd input = {channel_.fd(), POLLIN, 0};
  const timespec timeout = absl::ToTimespec(limit);
  return ppoll(&input, 1, &timeout, nullptr) != 0;
}

std::stop_token WorkerInbox::BeginTask(uint64_t attempt, bool stoppable) {
  MutexLock lock(mu_);
  running_ = true;
  ++runs_;
  attempt_ = attempt;
  if (stoppable) stop_ = std::stop_source();
  const std::stop_token token = stop_.get_token();
  if (watcher_sleeps_) {
    watcher_sleeps_ = false;
    busy_.NotifyOne();
  }
  return token;
}

void WorkerInbox::EndTask() {
  MutexLock lock(mu_);
  running_ = false;
  if (stop_.stop_possible()) stop_ = std::stop_source(std::nostopstate);
}

int WorkerInbox::Poll(pollfd& events) {
  if (partial_results_ == nullptr || !partial_results_->is_used()) {
    return poll(&events, 1, kTickMs);
  }
  for (int waited = 0; waited < kTickMs; waited += PartialResults::kTickMs) {
    const int ready = poll(&events, 1, PartialResults::kTickMs);
    if (ready != 0) return ready;
    try {
      partial_results_->OnTick();
    } catch (const std::exception&) {
      AbandonWorker(nullptr);  // the parent is gone, or can't be told
    }
  }
  return 0;
}

void WorkerInbox::Watch() {
  MutexLock lock(mu_);
  while (true) {
    if (!running_) {
      watcher_sleeps_ = true;
      while (watcher_sleeps_) busy_.Wait(mu_);
    }
    const uint64_t seen = runs_;
    lock.Unlock();
    pollfd ended = {channel_.fd(), POLLRDHUP, 0};
    const int ready = Poll(ended);
    if (ready > 0) AbandonWorker(nullptr);
    lock.Lock();
    // Until the task is done, and only if it is still the same.
    while (running_ && runs_ == seen) {
      lock.Unlock();
      pollfd input = {channel_.fd(), POLLIN | POLLRDHUP, 0};
      const int has_input = Poll(input);
      if (has_input > 0 && (input.revents & ~POLLIN) != 0) {
        AbandonWorker(nullptr);
      }
      lock.Lock();
      // What came with the task was read with it.
      if (running_ && runs_ == seen &&
          (has_input > 0 || channel_.has_buffered_input())) {
        ReadAhead();
      }
    }
  }
}

void WorkerInbox::ReadAhead() {
  try {
    while (true) {
      switch (channel_.Receive(/*wait=*/false)) {
        case Channel::Received::kNothing:
          return;
        case Channel::Received::kClosed:
          AbandonWorker(nullptr);
        case Channel::Received::kFrame:
          break;
      }
      if (auto order = ParseFrame()) {
        read_ahead_.push_back(*std::move(order));
      } else if (ParseCancel() == attempt_) {
        std::stop_source stop = stop_;
        // Stop callbacks are user code.
        mu_.Unlock();
        stop.request_stop();
        mu_.Lock();
        if (!running_) return;
      }
    }
  } catch (const std::exception& error) {
    AbandonWorker(error.what());
  }
}

std::optional<WorkerInbox::Order> WorkerInbox::ParseFrame() {
  return GuardWire([&]() -> std::optional<Order> {
    Channel::Frame& frame = channel_.frame();
    switch (frame.message.which()) {
      case wire::Message::TASK: {
        const auto task = frame.message.getTask();
        Order order;
        order.attempt = task.getAttempt();
        order.slot = task.getSlot();
        order.id = task.getId();
        order.run = task.getRun();
        if (task.hasName()) order.name = task.getName();
        if (task.hasTraceparent()) order.traceparent = task.getTraceparent();
        order.call = ReadCode(task.getCall());
        order.call.arguments = TakePayload(task.getCall().getArguments(), frame,
                                           max_payload_bytes_);
        return order;
      }
      case wire::Message::STOP:
        return Order{.stop = true};
      case wire::Message::CANCEL:
        return std::nullopt;
      default:
        throw ProtocolError("the parent sent what a worker does not expect");
    }
  });
}

uint64_t WorkerInbox::ParseCancel() {
  return channel_.frame().message.getCancel();
}

}  // namespace asyncpal::internal
