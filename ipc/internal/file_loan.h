#ifndef ASYNCPAL_IPC_INTERNAL_FILE_LOAN_H_
#define ASYNCPAL_IPC_INTERNAL_FILE_LOAN_H_

#include <utility>

#include "asyncpal/ipc/internal/fd.h"

namespace asyncpal {
class Encoder;
}  // namespace asyncpal

namespace asyncpal::internal {

// While it lives, a certain Encoder of this thread that needs a memfd asks
// `lender` for one first, of which the pages may be there already, and writes
// over what is in it. The file is not sealed.
//
// Threads: the one that has made it.
// Lifetime: gone before the encoder; those of a thread end in turn.
// Ordering: none. Errors: none. Shutdown: in a process that was forked, nobody
// is lent a file that the process before it writes to: EndForThread().
class FileLoan {
 public:
  class Lender {
   public:
    // A descriptor of its own of a file that nobody reads; none: there is none.
    virtual UniqueFd Lend() = 0;

   protected:
    ~Lender() = default;
  };

  FileLoan(const Encoder& encoder, Lender& lender)
      : encoder_(&encoder),
        lender_(lender),
        outer_(std::exchange(current_, this)) {}
  ~FileLoan() { current_ = outer_; }
  FileLoan(const FileLoan&) = delete;
  FileLoan& operator=(const FileLoan&) = delete;

  // None: there is no such loan for `encoder`, or no file.
  static UniqueFd TakeFor(const Encoder& encoder) {
    FileLoan* const loan = Find(encoder);
    if (loan == nullptr) return UniqueFd();
    UniqueFd file = loan->lender_.Lend();
    loan->is_taken_ = static_cast<bool>(file);
    return file;
  }
  // Whether what `encoder` writes to is such a file.
  static bool IsTakenBy(const Encoder& encoder) {
    const FileLoan* const loan = Find(encoder);
    return loan != nullptr && loan->is_taken_;
  }
  bool is_taken() const { return is_taken_; }

  // No encoder is lent anything any more that has not asked yet.
  static void EndForThread() {
    for (FileLoan* loan = current_; loan != nullptr; loan = loan->outer_) {
      if (!loan->is_taken_) loan->encoder_ = nullptr;
    }
  }

 private:
  static FileLoan* Find(const Encoder& encoder) {
    FileLoan* loan = current_;
    while (loan != nullptr && loan->encoder_ != &encoder) loan = loan->outer_;
    return loan;
  }

  static inline constinit thread_local FileLoan* current_ = nullptr;

  const Encoder* encoder_;
  Lender& lender_;
  FileLoan* const outer_;
  bool is_taken_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_INTERNAL_FILE_LOAN_H_
