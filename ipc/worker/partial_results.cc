#include "asyncpal/ipc/worker/partial_results.h"

#include <algorithm>
#include <utility>

#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/worker_protocol.h"
#include "capnp/message.h"

namespace asyncpal::internal {
namespace {

// What the task's result has beside the results of calls.
constexpr int64_t kOtherBytes = 32;

}  // namespace

void PartialResults::Begin(uint64_t attempt) {
  if (is_forked_) return;
  is_used_.store(true, std::memory_order_relaxed);
  is_task_ = true;
  task_attempt_ = attempt;
  begun_ = 0;
  MutexLock lock(mu_);
  attempt_ = attempt;
  done_ = 0;
  done_sent_ = 0;
  bytes_sent_ = 0;
  was_sent_ = false;
  StartBatch();
}

void PartialResults::StartBatch() {
  pending_.emplace(std::max<int64_t>(max_bytes_ - bytes_sent_ - kOtherBytes, 0),
                   /*may_use_memfd=*/false);
  count_ = 0;
}

void PartialResults::BeginCall() {
  if (is_forked_) return;
  ++begun_;
  if (page_ != nullptr) page_->NoteCalls(task_attempt_, begun_);
}

void PartialResults::CountEnded(uint64_t results) {
  if (done_ == done_sent_) ++batch_;
  ++done_;
  count_ += results;
}

void PartialResults::EndCall() {
  if (is_forked_) return;
  MutexLock lock(mu_);
  CountEnded(0);
}

// Null: there is nothing to be written.
Encoder* PartialResults::BeginWrite() {
  if (is_forked_) return nullptr;
  MutexLock lock(mu_);
  is_writing_ = true;
  return &*pending_;
}

void PartialResults::EndWrite(bool written) {
  MutexLock lock(mu_);
  is_writing_ = false;
  if (written) CountEnded(1);
}

PartialResults::Rest PartialResults::TakeRest() {
  if (is_forked_) return {};
  MutexLock lock(mu_);
  attempt_ = 0;
  Rest rest = {.count = count_, .results = pending_->Finish()};
  pending_.reset();
  return rest;
}

bool PartialResults::HasUnsent() {
  MutexLock lock(mu_);
  return attempt_ != 0 && done_ != done_sent_;
}

bool PartialResults::EndTask(bool failed) {
  if (!std::exchange(is_task_, false)) return false;
  MutexLock lock(mu_);
  if (failed && attempt_ != 0 && done_ != done_sent_) Send();
  attempt_ = 0;
  pending_.reset();
  return was_sent_;
}

void PartialResults::OnTick() {
  MutexLock lock(mu_);
  if (attempt_ == 0 || is_writing_ || done_ == done_sent_) return;
  if (std::exchange(batch_seen_, batch_) == batch_) Send();
}

void PartialResults::Send() {
  const Payload results = pending_->Finish();
  const auto bytes = static_cast<int64_t>(results.size());
  capnp::word scratch[32] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 32));
  auto partial = message.initRoot<wire::Message>().initPartial();
  partial.setAttempt(attempt_);
  partial.setDone(done_);
  partial.setCount(count_);
  // As a task's arguments: many bytes are a descriptor.
  Payload copy;
  if (results.size() > kMaxInlineBytes) {
    copy = Payload::CopyToMemfd(results.bytes());
  }
  const Payload& body = copy.is_memfd() ? copy : results;
  DescribePayload(body, partial);
  channel_.Send(message, BodyOf(body), body.memfd());
  was_sent_ = true;
  done_sent_ = done_;
  bytes_sent_ += bytes;
  StartBatch();
}

}  // namespace asyncpal::internal
