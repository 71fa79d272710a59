#ifndef ASYNCPAL_POOL_INTERNAL_SLOT_QUEUE_H_
#define ASYNCPAL_POOL_INTERNAL_SLOT_QUEUE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/posted_call.h"

// A queue, first in, first out, whose two ends are values of their own, each
// guarded as a whole by a lock of its own:
//
//   SlotChain chain_;
//   SlotTail tail_ ABSL_GUARDED_BY(submit_mu_);
//   SlotHead head_ ABSL_GUARDED_BY(take_mu_);
//
// How it works. Slots lie next to each other in chunks, so that the processor
// fetches the next ones by itself, and a task's own memory is not touched
// before its turn. The ends meet in the count of slots that were ever pushed,
// which the head reads only when it has used up what it knew; and, once in a
// chunk, in a used one that is filled again. A task that is cancelled while it
// waits leaves its slot behind as a *stale* one, which Sweep() clears or the
// head skips.

namespace asyncpal::internal {

// What a queue knows of a posted call that lies in it: its id, and when it was
// submitted, a NowTicks(), or 0 where the pool does not ask.
struct CallInfo {
  uint64_t id;
  int64_t submitted_at;
};
inline constexpr CallInfo kNoCall = {};

// What stands in a slot with nothing to run: what was in it was revoked, or
// swept.
inline constexpr PostedCall kNothing = {};
// The same, but it tells of the posted call in the next slot, which has no room
// for that. As a rule ids are counted, and this comes where others were given
// away in between; or before each call, in a pool that asks when it came.
inline constexpr PostedCall kNextCall = {};

// A place in the queue: a posted callable, or a reference to a task.
struct Slot {
  static Slot Of(TaskState* task) {
    Slot slot;
    slot.task = task;
    return slot;
  }
  static Slot Of(const PostedCall& posted, const void* call, size_t size) {
    Slot slot;
    slot.posted = &posted;
    if (size > 0) std::memcpy(slot.call, call, size);  // else it may be null
    return slot;
  }
  bool is_task() const { return posted == nullptr; }
  bool is_empty() const { return posted == &kNothing || posted == &kNextCall; }
  // Whether it is a posted call of the group of that name.
  bool IsOfGroup(const void* group) const {
    return posted != nullptr && posted->is_of_group() &&
           std::memcmp(call, &group, sizeof(group)) == 0;
  }

  const PostedCall* posted = nullptr;  // null: a task
  union {
    TaskState* task;
    std::byte call[kPostedCallBytes];
    CallInfo next;  // of a kNextCall
  };
};
static_assert(sizeof(Slot) == 24);

class SlotChunk {
 public:
  struct Delete {
    void operator()(SlotChunk* chunk) const { ::operator delete(chunk); }
  };
  using Ptr = std::unique_ptr<SlotChunk, Delete>;

  static constexpr size_t kFirstBytes = 512;  // of pools that are not busy
  static constexpr size_t kBytes = 4096;

  // Throws std::bad_alloc; null if `nothrow`.
  static Ptr Make(size_t bytes) {
    return Ptr(Init(::operator new(bytes), bytes));
  }
  static Ptr MakeOrNull(size_t bytes) {
    void* const memory = ::operator new(bytes, std::nothrow);
    return Ptr(memory == nullptr ? nullptr : Init(memory, bytes));
  }

  bool is_full_size() const { return size == kFullSize; }
  Slot& operator[](size_t i) { return reinterpret_cast<Slot*>(this + 1)[i]; }

  SlotChunk* next = nullptr;
  uint32_t size;
  uint64_t first = 0;     // how many slots were pushed before its own
  uint64_t first_id = 0;  // what a call in its first slot has for an id

 private:
  explicit SlotChunk(uint32_t slots) : size(slots) {}
  static SlotChunk* Init(void* memory, size_t bytes) {
    return new (memory) SlotChunk(
        static_cast<uint32_t>((bytes - sizeof(SlotChunk)) / sizeof(Slot)));
  }
  static const uint32_t kFullSize;
};
inline constexpr uint32_t SlotChunk::kFullSize =
    (SlotChunk::kBytes - sizeof(SlotChunk)) / sizeof(Slot);

// What both ends share. Outlives them.
struct SlotChain {
  ~SlotChain() { SlotChunk::Delete()(spare.load()); }

  // How many slots were ever pushed. Written with the tail's lock.
  std::atomic<uint64_t> pushed{0};
  SlotChunk* oldest = nullptr;  // if the head has none; published by `pushed`
  std::atomic<SlotChunk*> spare{nullptr};
};

// Where slots come in.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: the head owns the chunks.
// Ordering: what was written before a push is seen by who takes that slot.
// Errors: does not throw, takes no memory. Shutdown: none.
class SlotTail {
 public:
  explicit SlotTail(SlotChain& chain) : chain_(chain) {}

  // Whether Push() may be called twice. If not: Grow().
  bool HasRoom() const { return room_ >= 2; }
  // The bytes of the chunk that is wanted.
  size_t wanted_bytes() const {
    return chunk_ == nullptr ? SlotChunk::kFirstBytes : SlotChunk::kBytes;
  }
  // A chunk that the head has used up, if there is one.
  SlotChunk::Ptr TakeSpare() {
    return SlotChunk::Ptr(
        chain_.spare.exchange(nullptr, std::memory_order_acquire));
  }
  // Adds `chunk`; or gives it back, as there is room by now.
  SlotChunk::Ptr Grow(SlotChunk::Ptr chunk) {
    if (HasRoom()) return chunk;
    chunk->next = nullptr;
    room_ += chunk->size;
    if (chunk_ == nullptr) {
      chain_.oldest = chunk_ = chunk.release();
      BeginChunk(chain_.pushed.load(std::memory_order_relaxed));
    } else {
      chunk_->next = chunk.release();
    }
    return nullptr;
  }

  // An id for a task that is pushed afterwards, or not.
  uint64_t NewId() { return NewIds(1) + 1; }
  // That many of them; returns the one before the first.
  uint64_t NewIds(uint64_t n) { return std::exchange(last_id_, last_id_ + n); }

  // These return the slot's number, which nobody else's has.
  uint64_t Push(TaskState* task) { return Push(Slot::Of(task)); }
  uint64_t Push(const PostedCall& posted, const void* call, size_t size) {
    return PushCall(Slot::Of(posted, call, size), NewId());
  }
  uint64_t PushCall(const Slot& slot, uint64_t id) {
    if (counted_id_ != id) PushMark({.id = id, .submitted_at = 0});
    return Push(slot);
  }
  // For pools that push all their calls so.
  uint64_t PushTimedCall(const Slot& slot, const CallInfo& call) {
    PushMark(call);
    return Push(slot);
  }

 private:
  friend class SlotHead;
  uint64_t Push(const Slot& slot) {
    const uint64_t before = chain_.pushed.load(std::memory_order_relaxed);
    if (used_ == chunk_->size) [[unlikely]] {
      chunk_ = chunk_->next;
      BeginChunk(before);
    }
    (*chunk_)[used_++] = slot;
    --room_;
    ++counted_id_;
    chain_.pushed.store(before + 1, std::memory_order_release);
    return before + 1;
  }
  void PushMark(const CallInfo& next) {
    Slot mark = Slot::Of(kNextCall, nullptr, 0);
    mark.next = next;
    Push(mark);
    counted_id_ = next.id;
  }
  void BeginChunk(uint64_t pushed) {
    chunk_->first = pushed;
    chunk_->first_id = counted_id_;
    used_ = 0;
  }
  void ForgetChunks() {
    chunk_ = nullptr;
    room_ = 0;
  }

  SlotChain& chain_;
  SlotChunk* chunk_ = nullptr;  // the one that is being filled
  uint32_t used_ = 0;           // of it
  uint32_t room_ = 0;           // slots, those of the next chunk too
  uint64_t last_id_ = 0;        // of those that were given away
  uint64_t counted_id_ = 1;     // what the head takes for the next call's id
};

// Where slots leave.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns the chunks, and the references in their slots.
// Ordering: oldest first. Errors: does not throw. Shutdown: none.
class SlotHead {
 public:
  explicit SlotHead(SlotChain& chain) : chain_(chain) {}
  ~SlotHead() {
    for (Slot* slot = Front(); slot != nullptr; slot = Front()) {
      TaskState* const task = slot->is_task() ? slot->task : nullptr;
      Pop();
      if (task != nullptr) task->Release();
    }
    if (chunk_ == nullptr) chunk_ = std::exchange(chain_.oldest, nullptr);
    while (chunk_ != nullptr) {
      SlotChunk::Delete()(std::exchange(chunk_, chunk_->next));
    }
  }
  SlotHead(const SlotHead&) = delete;
  SlotHead& operator=(const SlotHead&) = delete;

  // The oldest; null: there is none.
  Slot* Front() {
    while (true) {
      if (left_ == 0) {
        LookForMore();
        if (left_ == 0) return nullptr;
      }
      if (chunk_ == nullptr || index_ == chunk_->size) [[unlikely]]
        Advance();
      Slot* const slot = &(*chunk_)[index_];
      if (!slot->is_empty()) [[likely]]
        return slot;
      const bool is_mark = slot->posted == &kNextCall;
      const CallInfo next = slot->next;
      Pop();
      if (is_mark) front_call_ = next;
    }
  }
  // Its number, and that of the last one that was pushed.
  uint64_t front_number() const { return chunk_->first + index_ + 1; }
  uint64_t pushed() const {
    return chain_.pushed.load(std::memory_order_acquire);
  }
  // If that is a posted call: what is known of it.
  const CallInfo& front_call() const { return front_call_; }
  // The one behind it, if it is known to be there.
  const Slot* Second() const {
    return left_ > 1 && index_ + 1 < chunk_->size ? &(*chunk_)[index_ + 1]
                                                  : nullptr;
  }
  void Pop() {
    ++index_;
    --left_;
    ++front_call_.id;
  }
  // Whether the one with that number has left.
  bool HasLeft(uint64_t number) {
    return Front() == nullptr || number <= chunk_->first + index_;
  }
  // The one with that number; null: it has left.
  Slot* Find(uint64_t number) {
    if (HasLeft(number)) return nullptr;
    for (SlotChunk* chunk = chunk_; chunk != nullptr; chunk = chunk->next) {
      if (number <= chunk->first) return nullptr;
      if (number <= chunk->first + chunk->size) {
        return &(*chunk)[number - 1 - chunk->first];
      }
    }
    return nullptr;
  }
  // `visit(slot, call)` with each of the oldest `n`, in their order, until that
  // says false. The CallInfo is that of a posted call.
  template <typename Visit>
  void ForEach(uint64_t n, Visit&& visit) {
    if (Front() == nullptr) return;
    LookForMore();
    SlotChunk* chunk = chunk_;
    uint32_t index = index_;
    CallInfo call = front_call_;
    for (n = std::min(n, left_); n > 0; --n, ++call.id) {
      if (index == chunk->size) {
        chunk = chunk->next;
        index = 0;
        call.id = chunk->first_id;
      }
      Slot& slot = (*chunk)[index++];
      if (!visit(slot, std::as_const(call))) return;
      if (slot.posted == &kNextCall) {
        call = slot.next;
        --call.id;  // it is counted on
      }
    }
  }
  // Clears all slots of which `is_stale(slot)`, which must have done with what
  // was in them, and gives back the memory of chunks in which nothing is left.
  template <typename IsStale>
  void Sweep(IsStale&& is_stale) {
    if (Front() == nullptr) return;
    uint64_t todo = left_;
    SlotChunk* before = nullptr;
    for (SlotChunk* chunk = chunk_; todo > 0;) {
      const uint32_t begin = chunk == chunk_ ? index_ : 0;
      const auto n =
          static_cast<uint32_t>(std::min<uint64_t>(chunk->size - begin, todo));
      todo -= n;
      bool is_empty = true;
      for (uint32_t i = begin; i < begin + n; ++i) {
        Slot& slot = (*chunk)[i];
        if (slot.is_empty()) continue;
        if (is_stale(slot)) {
          slot = Slot::Of(kNothing, nullptr, 0);
        } else {
          is_empty = false;
        }
      }
      SlotChunk* const next = chunk->next;
      // Neither the first, nor one that the tail may still be at.
      if (is_empty && before != nullptr && todo > 0) {
        before->next = next;
        left_ -= n;
        SlotChunk::Delete()(chunk);
      } else {
        before = chunk;
      }
      chunk = next;
    }
  }
  // Moves all that there is into `rest`, a fresh one of its own chain, with the
  // tail's lock as well.
  void TakeAll(SlotTail& tail, SlotHead& rest) {
    const uint64_t pushed = chain_.pushed.load(std::memory_order_acquire);
    if (chunk_ == nullptr && chain_.oldest != nullptr) Advance();
    rest.chunk_ = std::exchange(chunk_, nullptr);
    rest.index_ = std::exchange(index_, 0);
    rest.left_ = std::exchange(left_, 0) + (pushed - known_);
    rest.front_call_ = front_call_;
    known_ = pushed;
    tail.ForgetChunks();
  }

 private:
  // Takes note of what was pushed since it last did so.
  void LookForMore() {
    const uint64_t pushed = chain_.pushed.load(std::memory_order_acquire);
    left_ += pushed - known_;
    known_ = pushed;
  }
  void Advance() {
    SlotChunk* const old = chunk_;
    chunk_ = old == nullptr ? std::exchange(chain_.oldest, nullptr) : old->next;
    index_ = 0;
    front_call_.id = chunk_->first_id;
    if (old == nullptr) return;
    SlotChunk* unneeded = old;
    if (old->is_full_size()) {
      unneeded = chain_.spare.exchange(old, std::memory_order_acq_rel);
    }
    SlotChunk::Delete()(unneeded);
  }

  SlotChain& chain_;
  SlotChunk* chunk_ = nullptr;  // the one that is being used up
  uint32_t index_ = 0;          // of its oldest
  CallInfo front_call_ = {};    // see front_call()
  uint64_t left_ = 0;           // slots of which it knows
  uint64_t known_ = 0;          // how many were pushed by then
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_SLOT_QUEUE_H_
