#ifndef ASYNCPAL_IPC_WORKER_REQUEST_CHANNEL_H_
#define ASYNCPAL_IPC_WORKER_REQUEST_CHANNEL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker/channel.h"

// What a worker asks its parent for beside its tasks, as a host language's
// classes. What the bytes mean is the host's affair.
//
// How it works: requests have a socket of their own. The one for tasks is read
// by whoever waits for a result, which may be nobody, while a worker may ask at
// any time, from any of its threads.

namespace asyncpal::internal {

// More than any answer that a host should give.
inline constexpr uint64_t kMaxRequestBytes = uint64_t{65} << 20;

// The parent's end of one worker's requests.
//
// Threads: one of its own calls the handler.
// Lifetime: the destructor waits for a call of the handler that is going on.
// Errors: a handler that throws is reported and makes an empty answer. A worker
// that breaks the protocol gets no more answers.
class RequestServer {
 public:
  using Handler = std::function<std::string(const std::string& request)>;

  // Throws std::system_error without a thread.
  RequestServer(UniqueFd socket, Handler handler);
  RequestServer(const RequestServer&) = delete;
  RequestServer& operator=(const RequestServer&) = delete;
  ~RequestServer();

 private:
  void Run();
  std::string Answer(const std::string& request) const;

  Channel channel_;  // its thread's, but for Close()
  const Handler handler_;
  std::thread thread_;  // last: it uses the others
};

// The worker's end.
//
// Threads: any thread may ask; the others wait meanwhile.
class RequestClient {
 public:
  explicit RequestClient(UniqueFd socket);
  RequestClient(const RequestClient&) = delete;
  RequestClient& operator=(const RequestClient&) = delete;

  // Blocks until the answer has come. Throws ChannelClosedError if the parent
  // is gone or gives no more answers.
  std::string Ask(const std::string& request);

 private:
  Mutex mu_;
  Channel channel_ ABSL_GUARDED_BY(mu_);
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_REQUEST_CHANNEL_H_
