#ifndef ASYNCPAL_FUTURE_INTERNAL_TRAMPOLINE_H_
#define ASYNCPAL_FUTURE_INTERNAL_TRAMPOLINE_H_

#include <utility>

namespace asyncpal::internal {

// Runs what completions set off, without recursion: on each thread the first
// to come runs, and what it sets off in turn is put off until it has returned.
//
// How it works. A future that is done runs its callbacks; one of them completes
// the next future, and so on. As calls within calls, a chain of some thousand
// links would end the stack. So each thread has a list. Whoever finds it idle
// works it off, in the order in which it was added to; all others only add to
// it. A callback that waits for something further down that list would wait for
// itself: a wait works off the list first. So does the facade for other
// languages before it returns, since waits there can't be seen.
//
// Threads: each has its own list; a thread's items run on that thread alone.
// Lifetime: an item is its owner's, and stays until it has run.
// Ordering: first in, first out.
// Errors: items do not throw.
// Shutdown: none; a list is empty when its thread is outside every item.
class Trampoline {
 public:
  class Item {
   public:
    // May destroy the item.
    virtual void Run() noexcept = 0;

    Item* next = nullptr;  // the list's

   protected:
    Item() = default;
    Item(const Item&) = delete;
    Item& operator=(const Item&) = delete;
    ~Item() = default;
  };

  // Around something that a thread runs at once where others would be put off:
  // the outermost of a thread then works off what that has set off.
  class Scope {
   public:
    Scope() : is_outermost_(!std::exchange(list_.busy, true)) {}
    ~Scope() {
      if (!is_outermost_) return;
      RunPutOffUntil([] { return false; });
      list_.busy = false;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const bool is_outermost_;
  };

  // Runs `item` and what it sets off; inside another item's run on this thread,
  // puts it off.
  static void Run(Item& item) noexcept {
    Scope scope;
    Append(item);
  }

  // Whether this thread is inside an item's run, so that others are put off.
  static bool is_busy() { return list_.busy; }
  static bool has_put_off() { return list_.first != nullptr; }
  // Tells threads apart.
  static const void* ThisThread() { return &list_; }

  // What a thread does before it waits: runs what it has put off, one by one,
  // until `done()` holds or nothing is left.
  template <typename Done>
  static void RunPutOffUntil(Done done) {
    while (list_.first != nullptr && !done()) {
      Item* const item = list_.first;
      list_.first = std::exchange(item->next, nullptr);
      if (list_.first == nullptr) list_.last = nullptr;
      item->Run();
    }
  }
  static void RunPutOff() {
    RunPutOffUntil([] { return false; });
  }

 private:
  struct List {
    Item* first;
    Item* last;
    bool busy;  // somebody below on the stack works it off
  };

  static void Append(Item& item) {
    (list_.last == nullptr ? list_.first : list_.last->next) = &item;
    list_.last = &item;
  }

  static inline constinit thread_local List list_ = {nullptr, nullptr, false};
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TRAMPOLINE_H_
