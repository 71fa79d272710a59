#ifndef ASYNCPAL_POOL_INTERNAL_TRACE_FILE_H_
#define ASYNCPAL_POOL_INTERNAL_TRACE_FILE_H_

#include <string>
#include <string_view>
#include <system_error>

namespace asyncpal::internal {

// A file that is written to the end of the disk and no further: neither a
// signal nor an exception comes of that.
//
// Threads: one at a time. Lifetime: the destructor closes it.
// Ordering: none. Errors: as said. Shutdown: none.
class TraceFile {
 public:
  // Empties the file, or makes it. Throws std::system_error with its path.
  explicit TraceFile(const std::string& path);
  ~TraceFile();
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  const std::string& path() const { return path_; }
  // Appends all of it, or says why it could not.
  std::error_code Write(std::string_view text);

 private:
  const std::string path_;
  const int fd_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TRACE_FILE_H_
