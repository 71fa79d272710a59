#ifndef ASYNCPAL_FUTURE_INTERNAL_HELD_LOCKS_H_
#define ASYNCPAL_FUTURE_INTERNAL_HELD_LOCKS_H_

namespace asyncpal::internal {

// How many of this library's locks a thread holds. An exception that nobody
// catches ends the program with its locks held, as no unwinding takes place,
// and what runs at the end then waits for them: so nothing is thrown under a
// lock. The constructors of error.h hold the library's own tests to that.
//
// They count where ASYNCPAL_CHECK_LOCKS is defined, as --config=locks does: all
// that is linked together must have been compiled alike.
class HeldLocks {
 public:
  static void Add([[maybe_unused]] int n) {
#ifdef ASYNCPAL_CHECK_LOCKS
    count_ += n;
#endif
  }
  // 0 where nobody counts.
  static int Count() {
#ifdef ASYNCPAL_CHECK_LOCKS
    return count_;
#else
    return 0;
#endif
  }

 private:
#ifdef ASYNCPAL_CHECK_LOCKS
  static inline constinit thread_local int count_ = 0;
#endif
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_HELD_LOCKS_H_
