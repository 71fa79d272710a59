#include "asyncpal/ipc/worker/result_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace asyncpal::internal {

bool ResultFiles::empty() const {
  return std::none_of(files_.begin(), files_.end(), [](const File& file) {
    return static_cast<bool>(file.fd);
  });
}

UniqueFd ResultFiles::Lend() {
  for (size_t i = 0; i < files_.size(); ++i) {
    File& file = files_[i];
    if (file.attempt != 0 &&
        !page_.IsResultRead(static_cast<int>(i), file.attempt)) {
      continue;
    }
    if (!file.fd) {
      file.fd = OffStandardStreams(UniqueFd(
          memfd_create("asyncpal-results", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
    }
    file.attempt = 0;
    lent_ = &file;
    // The payload closes what it has.
    return UniqueFd(fcntl(file.fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  }
  return UniqueFd();
}

uint8_t ResultFiles::Loan::Give(uint64_t attempt, const Payload& value) {
  // Where the file could not take all of it, it is in memory.
  if (!loan_.is_taken() || !value.is_memfd() || value.size() > kMaxBytes) {
    return 0;
  }
  is_given_ = true;
  files_.lent_->attempt = attempt;
  return static_cast<uint8_t>(files_.lent_ - files_.files_.data() + 1);
}

}  // namespace asyncpal::internal
