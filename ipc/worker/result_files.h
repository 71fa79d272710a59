#ifndef ASYNCPAL_IPC_WORKER_RESULT_FILES_H_
#define ASYNCPAL_IPC_WORKER_RESULT_FILES_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/internal/file_loan.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/claim_page.h"

namespace asyncpal::internal {

// A worker's files for large results, which it writes to again once its parent
// has read what is in them: the kernel takes longer to find and to clear the
// pages of a new file than to copy a result. Nobody but this worker and its
// parent ever has them.
//
//   ResultFiles::Loan loan(files, encoder);
//   ...                                     // the encoder may need a file
//   const Payload value = encoder.Finish();
//   result.setKeptFile(loan.Give(attempt, value));
//
// Threads: the worker's main thread.
// Lifetime: the page outlives it.
// Ordering: a file is written to again after the parent has said on the page
// that it has read it.
// Errors: where there is no file, Lend() has none. Shutdown: none.
class ResultFiles final : private FileLoan::Lender {
 public:
  // For one result, of which it leaves no more than that.
  class Loan {
   public:
    Loan(ResultFiles& files, const Encoder& encoder)
        : files_(files), loan_(encoder, files) {}
    ~Loan() {
      if (loan_.is_taken() && !is_given_) files_.lent_->fd.Reset();
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;

    // What the encoder has made goes to the parent as the result of `attempt`.
    // Returns Result::keptFile for it: 0 if it is in no file that is kept.
    uint8_t Give(uint64_t attempt, const Payload& value);

   private:
    ResultFiles& files_;
    const FileLoan loan_;
    bool is_given_ = false;
  };

  // What a worker keeps of each, at most.
  static constexpr uint64_t kMaxBytes = 4 << 20;

  explicit ResultFiles(const ClaimPage& page) : page_(page) {}
  ResultFiles(const ResultFiles&) = delete;
  ResultFiles& operator=(const ResultFiles&) = delete;

  bool empty() const;
  // Gives their memory back. What the parent still reads is the parent's.
  void GiveBack() { files_ = {}; }

 private:
  struct File {
    UniqueFd fd;
    uint64_t attempt = 0;  // whose result it has; 0: nobody's
  };

  UniqueFd Lend() override;

  const ClaimPage& page_;
  std::array<File, ClaimPage::kResultFiles> files_;
  File* lent_ = nullptr;  // the last one
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_RESULT_FILES_H_
