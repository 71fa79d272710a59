#ifndef ASYNCPAL_POOL_INTERNAL_WORKER_ROSTER_H_
#define ASYNCPAL_POOL_INTERNAL_WORKER_ROSTER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace asyncpal::internal {

// Which workers a pool has, what each of them is up to, and whom to wake or
// start when tasks wait. `Worker` is a handle that can be copied and is empty
// by default, such as a std::shared_ptr.
//
//   WorkerRoster<WorkerPtr> roster_ ABSL_GUARDED_BY(mu_);
//   ...
//   WorkerRoster<WorkerPtr>::Choice choice;
//   {
//     MutexLock lock(mu_);
//     choice = roster_.Choose(waiting, make_worker);
//   }
//   Dispatch(choice);
//
// A worker that is awake and on its way to the queue is *searching*: a new one,
// one that was woken, one that spins before it parks. Whoever makes a task
// wait or ends a search must call Choose() in the same section. After an empty
// choice there are as many searching workers as waiting tasks, or as are woken
// at once, or no worker is idle and none may be started.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: keeps a copy of each handle until TakeRetired().
// Ordering: the worker that has parked last is woken first.
// Errors: Choose() and Add() let out what `make` or memory throws, and have
// then changed nothing. The others do not throw.
// Shutdown: none.
template <typename Worker>
class WorkerRoster {
 public:
  // What is to be done once the lock is given back: one of them, or nothing.
  struct Choice {
    Worker wake{};   // was idle, and is searching now
    Worker start{};  // new, and has no thread yet

    bool empty() const { return wake == Worker{} && start == Worker{}; }
  };

  // `max_stand_ins` more than `max_workers` may replace blocked ones. No worker
  // is woken while `max_waking` others are on their way, new ones aside: more
  // at once than there are CPUs would only be in each other's way, and each of
  // them sees to the next.
  WorkerRoster(size_t max_workers, size_t max_stand_ins,
               size_t max_waking = std::numeric_limits<size_t>::max())
      : max_workers_(max_workers),
        max_stand_ins_(max_stand_ins),
        max_waking_(max_waking) {}
  void set_max_waking(size_t n) { max_waking_ = n; }

  // From now on there may be that many. Who calls this sees to what waits, by
  // Choose(), and lets idle ones look whether they are spare.
  void set_max_workers(size_t n) { max_workers_ = n; }

  size_t size() const { return entries_.size(); }
  // Without those that have decided to go.
  size_t remaining() const { return entries_.size() - going_; }
  size_t idle() const { return idle_.size(); }
  size_t searching() const { return searching_; }
  bool Contains(int64_t id) const { return entries_.count(id) > 0; }
  // An empty handle: there is none of that id.
  Worker Get(int64_t id) const {
    const auto found = entries_.find(id);
    return found == entries_.end() ? Worker{} : found->second.worker;
  }
  // Without those that make room for a replacement.
  size_t staying() const { return entries_.size() - leaving_; }
  bool is_full() const { return entries_.size() >= max_workers_; }
  bool is_over_max() const { return staying() > max_workers_; }

  // Whether Choose() could find somebody, if tasks wait. No more than it wakes
  // at once: each that is on its way sees to the next.
  bool is_hungry() const {
    return idle_.empty() ? may_grow() : searching_ - starting_ < max_waking_;
  }

  // Whether every worker is in a task, and none may be added: tasks wait until
  // one of them comes back.
  bool is_saturated() const {
    return !entries_.empty() && !is_hungry() && searching_ == 0;
  }
  // Whether all of them are, each in a wait that the pool knows of.
  bool all_blocked() const {
    return is_saturated() && blocked_ + blocked_elsewhere_ >= staying();
  }

  // Whether a worker is left that will come back for the queue by itself.
  bool has_active() const {
    return staying() > blocked_ + blocked_elsewhere_ + starting_;
  }

  // Whether `waiting` tasks need more workers than are on their way. A new
  // worker may be long in its initializer: it is counted on only where nobody
  // is idle.
  bool NeedsMore(int64_t waiting) const {
    const size_t coming = idle_.empty() ? searching_ : searching_ - starting_;
    return waiting > static_cast<int64_t>(coming);
  }

  // Whom to wake, else start, for `waiting` tasks. `make(id)` makes a worker.
  template <typename Make>
  Choice Choose(int64_t waiting, Make&& make) {
    if (!is_hungry() || !NeedsMore(waiting)) return {};
    if (idle_.empty()) return {.start = Add(std::forward<Make>(make))};
    const int64_t id = idle_.back();
    idle_.pop_back();
    StartSearching(id);
    return {.wake = entries_.at(id).worker};
  }

  // The same where all_blocked() has held for a while and nothing has ended:
  // what other pools are to do may wait for this one. Empty: as many stand in
  // as may.
  template <typename Make>
  Choice ChooseStandIn(int64_t waiting, Make&& make) {
    if (!all_blocked() || !has_stand_in_left() || !NeedsMore(waiting)) {
      return {};
    }
    return {.start = Add(std::forward<Make>(make))};
  }

  // A new worker, which counts as searching, and as starting until EndStart().
  template <typename Make>
  Worker Add(Make&& make) {
    const int64_t id = last_id_ + 1;
    Worker worker = std::forward<Make>(make)(id);
    idle_.reserve(entries_.size() + 1);  // so that Park() does not throw
    entries_.emplace(id, Entry{.worker = worker});
    last_id_ = id;
    StartSearching(id);
    BeginStart(id);
    return worker;
  }

  // Between the two, what makes a searching worker useful may take long.
  void BeginStart(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr || !entry->searching) return;
    if (!std::exchange(entry->starting, true)) ++starting_;
  }
  void EndStart(int64_t id) {
    Entry* const entry = Find(id);
    if (entry != nullptr) EndStart(*entry);
  }

  bool IsSearching(int64_t id) const {
    const auto found = entries_.find(id);
    return found != entries_.end() && found->second.searching;
  }
  void StartSearching(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr) return;
    if (!std::exchange(entry->searching, true)) ++searching_;
  }
  void StopSearching(int64_t id) {
    Entry* const entry = Find(id);
    if (entry != nullptr) StopSearching(*entry);
  }

  // The worker has seen that nothing waits: it is idle until Choose() takes it,
  // BorrowNewest() does, or it calls Unpark(). At most one of them finds it.
  void Park(int64_t id) {
    StopSearching(id);
    idle_.push_back(id);
  }
  // False: it is not idle any more.
  bool Unpark(int64_t id) {
    const auto found = std::find(idle_.begin(), idle_.end(), id);
    if (found == idle_.end()) return false;
    idle_.erase(found);
    return true;
  }
  // Somebody works in the place of this worker, which has left the idle ones
  // and sleeps on.
  void BorrowSlot(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr) return;
    entry->borrowed = true;
    entry->seen_changes = changes_;
  }
  bool IsSlotBorrowed(int64_t id) const {
    const auto found = entries_.find(id);
    return found != entries_.end() && found->second.borrowed;
  }
  // It is idle again. True: it has to be woken, to see what has changed.
  bool ReturnSlot(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr) return false;
    entry->borrowed = false;
    Park(id);
    return entry->seen_changes != changes_;
  }
  // Something has changed that idle workers look at before they sleep: all of
  // them, or one whose slot is borrowed.
  void NoteChange() { ++changes_; }
  void NoteChange(int64_t id) {
    Entry* const entry = Find(id);
    if (entry != nullptr) entry->seen_changes = changes_ - 1;
  }

  // The worker that has parked last, or an empty handle.
  Worker NewestIdle() const {
    return idle_.empty() ? Worker{} : entries_.at(idle_.back()).worker;
  }
  // After that: it leaves the idle ones, for somebody who uses what it has.
  void BorrowNewest() { idle_.pop_back(); }

  // Around a wait for a task of the same pool, or of another one, which by
  // itself brings no stand-in.
  void BeginBlocking(bool elsewhere = false) {
    ++(elsewhere ? blocked_elsewhere_ : blocked_);
  }
  void EndBlocking(bool elsewhere = false) {
    --(elsewhere ? blocked_elsewhere_ : blocked_);
  }

  // Whether there are more workers than `max_workers`, and one of them is not
  // needed in place of a blocked one. Those that have decided to go leave both
  // sums at once.
  bool has_spare() const {
    const size_t remaining = entries_.size() - going_;
    return remaining > max_workers_ &&
           remaining > blocked_ + blocked_elsewhere_ + 1;
  }
  // Whether a worker has decided to go, and is there still.
  bool has_going() const { return going_ > 0; }
  // The worker will retire. It is a worker still, and makes no room.
  void DecideToGo(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr) return;
    if (!std::exchange(entry->going, true)) ++going_;
  }
  // It has run its finalizer: another may be started in its place.
  void BeginLeaving(int64_t id) {
    DecideToGo(id);
    StopSearching(id);
    Entry* const entry = Find(id);
    if (entry == nullptr) return;
    if (!std::exchange(entry->leaving, true)) ++leaving_;
  }
  // It goes on instead, and searches.
  void StayOn(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr) return;
    EndLeaving(*entry);
    StartSearching(id);
  }

  // It is no worker any more. Its handle is kept for who joins its thread.
  void Retire(int64_t id) {
    if (Drop(id)) retired_.insert(entries_.extract(id));
  }
  // The same for one that never had a thread, or whose thread is left behind.
  void Forget(int64_t id) {
    if (Drop(id)) entries_.erase(id);
  }
  // Those that have retired since the last call: a range of (id, entry with a
  // `worker`). Takes no memory.
  auto TakeRetired() { return std::exchange(retired_, {}); }

  // With each worker in the order of their ids, or each idle one.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& [id, entry] : entries_) visit(entry.worker);
  }
  template <typename Visit>
  void ForEachIdle(Visit&& visit) const {
    for (const int64_t id : idle_) visit(entries_.at(id).worker);
  }

 private:
  struct Entry {
    Worker worker;
    bool searching = false;
    bool starting = false;  // only while searching
    bool going = false;
    bool leaving = false;  // only while going
    bool borrowed = false;
    uint64_t seen_changes = 0;
  };

  bool may_grow() const {
    // With every worker blocked in a wait for this very pool, only one more can
    // end the waits.
    return staying() < max_workers_ ||
           (blocked_ >= staying() && has_stand_in_left());
  }
  bool has_stand_in_left() const {
    return staying() < max_workers_ + max_stand_ins_;
  }

  Entry* Find(int64_t id) {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : &found->second;
  }
  void EndStart(Entry& entry) {
    if (std::exchange(entry.starting, false)) --starting_;
  }
  void StopSearching(Entry& entry) {
    EndStart(entry);
    if (std::exchange(entry.searching, false)) --searching_;
  }
  void EndLeaving(Entry& entry) {
    if (std::exchange(entry.leaving, false)) --leaving_;
    if (std::exchange(entry.going, false)) --going_;
  }
  bool Drop(int64_t id) {
    Entry* const entry = Find(id);
    if (entry == nullptr) return false;
    StopSearching(*entry);
    EndLeaving(*entry);
    Unpark(id);
    return true;
  }

  size_t max_workers_;
  size_t max_stand_ins_;
  size_t max_waking_;
  std::map<int64_t, Entry> entries_;
  std::map<int64_t, Entry> retired_;
  std::vector<int64_t> idle_;  // newest last
  int64_t last_id_ = 0;
  uint64_t changes_ = 0;
  // How many entries say so.
  size_t searching_ = 0;
  size_t starting_ = 0;
  size_t going_ = 0;
  size_t leaving_ = 0;
  // Waits, not entries.
  size_t blocked_ = 0;
  size_t blocked_elsewhere_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_WORKER_ROSTER_H_
