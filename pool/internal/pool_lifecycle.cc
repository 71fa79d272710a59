#include "asyncpal/pool/internal/pool_lifecycle.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

void PoolLifecycle::QuietHandlers::Run() {
  for (auto& [join, handler] : joins) handler();
  if (terminated != nullptr) terminated();
}

bool PoolLifecycle::Close() { return !std::exchange(closed_, true); }

bool PoolLifecycle::Break(std::exception_ptr cause) {
  if (is_broken()) return false;
  cause_ = std::move(cause);
  return true;
}

void PoolLifecycle::Refusal::Throw(const std::string& pool) const {
  if (cause != nullptr) std::rethrow_exception(cause);
  throw ClosedPoolError(
      absl::StrCat(pool, " is closed: it was shut down before this call"));
}

uint64_t PoolLifecycle::StartJoin(Handler handler) {
  joins_.emplace(last_join_ + 1, std::move(handler));
  ++joiners_;
  return ++last_join_;
}

bool PoolLifecycle::CancelJoin(uint64_t join, Handler* dropped) {
  const auto found = joins_.find(join);
  if (found == joins_.end()) return false;
  *dropped = std::move(found->second);
  joins_.erase(found);
  --joiners_;
  return true;
}

PoolLifecycle::QuietHandlers PoolLifecycle::TakeQuietHandlers() {
  QuietHandlers handlers;
  joiners_ -= static_cast<int>(joins_.size());
  handlers.joins.swap(joins_);
  if (closed_) handlers.terminated = std::exchange(on_terminated_, nullptr);
  return handlers;
}

}  // namespace asyncpal::internal
