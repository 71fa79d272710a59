#ifndef ASYNCPAL_IPC_TESTING_SCRIPTED_WORKER_H_
#define ASYNCPAL_IPC_TESTING_SCRIPTED_WORKER_H_

#include <capnp/message.h>
#include <signal.h>
#include <sys/socket.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "asyncpal/ipc/encoding/code_address.h"
#include "asyncpal/ipc/errors/exception_codec.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "asyncpal/ipc/worker/worker_launch.h"
#include "asyncpal/ipc/worker/worker_protocol.h"

namespace asyncpal::testing {

// The other end of a WorkerConnection, which says what a test wants when the
// test wants it. What it says before the connection listens is kept by the
// socket, so one thread can be both ends:
//
//   ScriptedWorker script;
//   WorkerConnection connection({}, script.TakeParts());
//   script.SayHandshake();
//   script.SayReady();
//   EXPECT_EQ(connection.Handshake(), nullptr);
//
// The process itself is one that only sleeps, and can be killed.
class ScriptedWorker {
 public:
  ScriptedWorker()
      : ScriptedWorker(MakeSockets(), internal::ClaimPage::Create()) {}

  // Once.
  internal::WorkerParts TakeParts() { return std::move(parts_); }

  void SayHandshake(uint32_t version = internal::kSchemaVersion) {
    capnp::MallocMessageBuilder message;
    auto handshake = message.initRoot<wire::Message>().initHandshake();
    handshake.setSchemaVersion(version);
    const std::string id = internal::ExecutableBuildId();
    handshake.setBuildId(
        kj::arrayPtr(reinterpret_cast<const kj::byte*>(id.data()), id.size()));
    channel_.Send(message);
  }
  void SayReady() {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().setReady();
    channel_.Send(message);
  }
  void SayFailed(const std::exception_ptr& thrown) {
    capnp::MallocMessageBuilder message;
    internal::EncodeException(thrown,
                              message.initRoot<wire::Message>().initFailed());
    channel_.Send(message);
  }
  void SayResult(uint64_t attempt, const std::string& bytes,
                 bool exiting = false) {
    capnp::MallocMessageBuilder message;
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    result.setInFrame(bytes.size());
    result.setExiting(exiting);
    channel_.Send(message, bytes);
  }
  void SayPartial(uint64_t attempt, uint64_t done, uint64_t count,
                  const std::string& bytes) {
    capnp::MallocMessageBuilder message;
    auto partial = message.initRoot<wire::Message>().initPartial();
    partial.setAttempt(attempt);
    partial.setDone(done);
    partial.setCount(count);
    partial.setInFrame(bytes.size());
    channel_.Send(message, bytes);
  }
  // A result of so many bytes in a file.
  void SayResultIn(int fd, uint64_t bytes, uint64_t attempt,
                   uint8_t kept_file) {
    capnp::MallocMessageBuilder message;
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    result.setMemfd(bytes);
    result.setKeptFile(kept_file);
    channel_.Send(message, {}, fd);
  }
  void SayFailure(uint64_t attempt, const std::exception_ptr& thrown) {
    capnp::MallocMessageBuilder message;
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    internal::EncodeException(thrown, result.initFailure());
    channel_.Send(message);
  }
  void SayStopped() {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().initStopped();
    channel_.Send(message);
  }
  // Bytes that are no frame.
  void SayRubbish() {
    const std::string rubbish(64, '\xff');
    send(channel_.fd(), rubbish.data(), rubbish.size(), MSG_NOSIGNAL);
  }

  // The next frame that the parent has sent, or kNothing.
  internal::Channel::Received Hear() {
    return channel_.Receive(/*wait=*/false);
  }
  const internal::Channel::Frame& heard() { return channel_.frame(); }
  // Skips what comes before the next task. 0: there is none.
  uint64_t HearTask() {
    while (Hear() == internal::Channel::Received::kFrame) {
      if (heard().message.isTask()) {
        return heard().message.getTask().getAttempt();
      }
    }
    return 0;
  }

  // What a worker does on the page, where the first task has slot 0.
  internal::ClaimPage& page() { return page_; }

  // Dies by a signal.
  void Die() {
    kill(pid_, SIGKILL);
    channel_.Close();
  }
  pid_t pid() const { return pid_; }

 private:
  ScriptedWorker(TwoEnds sockets, internal::ClaimPage page)
      : channel_(std::move(sockets.second)),
        page_(internal::ClaimPage::Attach(page.fd())),
        parts_{.socket = std::move(sockets.first),
               .requests = {},
               .page = std::move(page),
               .output = std::make_unique<internal::StartupOutput>(),
               .child = internal::ChildProcess::Spawn(
                   {.command = {"sleep", "600"}})},
        pid_(parts_.child.pid()) {
    parts_.output->CloseChildEnd();
  }

  internal::Channel channel_;
  internal::ClaimPage page_;
  internal::WorkerParts parts_;
  const pid_t pid_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_IPC_TESTING_SCRIPTED_WORKER_H_
