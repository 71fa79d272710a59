#ifndef ASYNCPAL_POOL_INTERNAL_VIEW_LANE_H_
#define ASYNCPAL_POOL_INTERNAL_VIEW_LANE_H_

#include <utility>

// Which tasks of a view may be with its pool, and which one is next.

namespace asyncpal::internal {

// A list through what is in it. Takes no memory.
//
// Threads: none of its own. Lifetime: owns nothing.
// Ordering: first in, first out. Errors, Shutdown: none.
template <typename Node, Node* Node::*kPrevious, Node* Node::*kNext>
class LinkedList {
 public:
  bool empty() const { return first_ == nullptr; }
  Node* front() const { return first_; }

  void PushBack(Node& node) {
    node.*kPrevious = last_;
    node.*kNext = nullptr;
    (last_ != nullptr ? last_->*kNext : first_) = &node;
    last_ = &node;
  }
  void Remove(Node& node) {
    Node* const previous = node.*kPrevious;
    Node* const next = node.*kNext;
    (previous != nullptr ? previous->*kNext : first_) = next;
    (next != nullptr ? next->*kPrevious : last_) = previous;
  }

 private:
  Node* first_ = nullptr;
  Node* last_ = nullptr;
};

// The tasks of a view, or of one key of it, among which at most `places` may be
// with the pool: in its queue, or running. A task that comes while there is a
// place has it, and the others wait. A place that is given back goes to the one
// that has waited longest.
//
//   if (!lane.TakePlace()) lane.Wait(task);
//   ...
//   if (Task* const next = lane.PassOn()) GiveToPool(*next);
//
// Node has the members `lane_previous` and `lane_next`.
//
// Threads: none of its own; the view's lock guards it as a whole.
// Lifetime: owns no task.
// Ordering: places are given in the order in which the tasks came.
// Errors: none.
// Shutdown: TakeFirst() empties it; places that are given back then go to
// nobody.
template <typename Node>
class ViewLane {
 public:
  explicit ViewLane(int places) : places_(places) {}

  int places() const { return places_; }
  int taken() const { return taken_; }
  bool has_waiting() const { return !waiting_.empty(); }
  // Nothing of it is with the pool, and nothing waits.
  bool is_quiet() const { return taken_ == 0 && waiting_.empty(); }

  // A task has come. False: it has no place, and must wait.
  bool TakePlace() {
    if (taken_ == places_) return false;
    ++taken_;
    return true;
  }
  void Wait(Node& task) { waiting_.PushBack(task); }
  // A task that waits does so no more: it was cancelled, or runs in the place
  // of one that waits for it.
  void Leave(Node& task) { waiting_.Remove(task); }

  // The task that had a place has ended, or was cancelled or refused. Returns
  // the one that has the place now; null: nobody.
  Node* PassOn() {
    Node* const next = TakeFirst();
    if (next == nullptr) --taken_;
    return next;
  }
  // The one that has waited longest, which waits no more, and has no place.
  // Null: nobody waits.
  Node* TakeFirst() {
    Node* const first = waiting_.front();
    if (first != nullptr) waiting_.Remove(*first);
    return first;
  }

 private:
  int places_;
  int taken_ = 0;
  LinkedList<Node, &Node::lane_previous, &Node::lane_next> waiting_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_VIEW_LANE_H_
