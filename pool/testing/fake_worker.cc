#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/worker_protocol.h"
#include "capnp/message.h"

// A worker_command that speaks the workers' protocol by hand, and breaks it in
// the way that its argument names. A task is nothing to it but bytes, which it
// sends back; a task without any ends well whatever the argument.

namespace asyncpal::testing {
namespace {

using internal::Channel;
using internal::ClaimPage;
using internal::kSchemaVersion;
using internal::kWorkerClaimPage;
using internal::kWorkerSocket;
using internal::UniqueFd;

struct Task {
  uint64_t attempt;
  std::string arguments;
};

[[noreturn]] void WaitForTheEnd() {
  while (true) pause();
}

void SendRaw(const std::string& bytes) {
  if (send(kWorkerSocket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    _exit(1);
  }
}

// A frame's header, which promises what may not follow.
std::string HeaderBytes(uint32_t message_bytes, uint32_t flags,
                        uint64_t body_bytes) {
  std::string header(16, '\0');
  std::copy_n(reinterpret_cast<const char*>(&message_bytes), 4, header.data());
  std::copy_n(reinterpret_cast<const char*>(&flags), 4, header.data() + 4);
  std::copy_n(reinterpret_cast<const char*>(&body_bytes), 8, header.data() + 8);
  return header;
}

class FakeWorker {
 public:
  explicit FakeWorker(std::string mode)
      : mode_(std::move(mode)), page_(ClaimPage::Attach(kWorkerClaimPage)) {}

  [[noreturn]] void Run() {
    if (mode_ == "silent") WaitForTheEnd();
    if (mode_ == "half a header") {
      SendRaw(HeaderBytes(64, 0, 0).substr(0, 9));
      WaitForTheEnd();
    }
    if (mode_ == "another protocol") {
      SendRaw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      WaitForTheEnd();
    }
    if (mode_ == "ready at once") {
      SendReady();
      WaitForTheEnd();
    }
    SendHandshake();
    Receive();  // the setup
    SendReady();
    while (true) {
      Receive();
      if (channel_.frame().message.isStop()) SayStopped();
      if (!channel_.frame().message.isTask()) continue;
      if (mode_ == "ends before it begins") _exit(3);
      const auto task = channel_.frame().message.getTask();
      const uint64_t attempt = task.getAttempt();
      const int slot = task.getSlot();
      if (!page_.Start(slot, attempt)) continue;
      Answer({attempt, std::move(channel_.frame().body)}, slot);
    }
  }

 private:
  void Receive() {
    if (channel_.Receive() != Channel::Received::kFrame) _exit(0);
  }

  void SendHandshake() {
    capnp::MallocMessageBuilder message;
    auto handshake = message.initRoot<wire::Message>().initHandshake();
    handshake.setSchemaVersion(mode_ == "version 99" ? 99 : kSchemaVersion);
    handshake.setBuildId(kj::StringPtr("fake").asBytes());
    handshake.setPid(getpid());
    channel_.Send(message);
  }

  void SendReady() {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().setReady();
    channel_.Send(message);
  }

  [[noreturn]] void SayStopped() {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().initStopped();
    channel_.Send(message);
    _exit(0);
  }

  void SendResult(uint64_t attempt, const std::string& value) {
    capnp::MallocMessageBuilder message;
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    result.setInFrame(value.size());
    channel_.Send(message, value);
  }

  // A result that is said to be in a memfd of `claimed` bytes.
  void SendMemfd(uint64_t attempt, size_t bytes, uint64_t claimed) {
    const UniqueFd memfd(memfd_create("fake", MFD_CLOEXEC));
    if (ftruncate(memfd.get(), static_cast<off_t>(bytes)) != 0) _exit(1);
    capnp::MallocMessageBuilder message;
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    result.setMemfd(claimed);
    channel_.Send(message, {}, memfd.get());
  }

  // A result in a file that another thread writes to all the time.
  void SendChanging(uint64_t attempt, uint8_t kept_file) {
    constexpr uint64_t kBytes = 1 << 20;
    if (!changing_) {
      changing_ = UniqueFd(memfd_create("fake", MFD_CLOEXEC));
      if (ftruncate(changing_.get(), kBytes) != 0) _exit(1);
      std::thread([fd = changing_.get()] {
        // What a string begins with: its size, which may be right.
        std::array<uint64_t, 1024> words;
        for (uint64_t round = 0;; ++round) {
          words.fill(round);
          words[0] = round % 3 == 0 ? kBytes - sizeof(words[0]) : round << 20;
          for (size_t at = 0; at < kBytes; at += sizeof(words)) {
            if (pwrite(fd, words.data(), sizeof(words),
                       static_cast<off_t>(at)) < 0) {
              _exit(1);
            }
          }
        }
      }).detach();
    }
    capnp::MallocMessageBuilder message;
    auto result = message.initRoot<wire::Message>().initResult();
    result.setAttempt(attempt);
    result.setMemfd(kBytes);
    result.setKeptFile(kept_file);
    channel_.Send(message, {}, changing_.get());
  }

  void Answer(const Task& task, int slot) {
    const bool honest = mode_ == "honest" || task.arguments.empty();
    if (honest || mode_ == "result twice") {
      page_.Finish(slot, task.attempt);
      SendResult(task.attempt, task.arguments);
      if (!honest) SendResult(task.attempt, task.arguments);
      return;
    }
    if (mode_ == "result of the future") {
      SendResult(task.attempt + 1000, task.arguments);
    } else if (mode_ == "result of the past first") {
      SendResult(0, "nonsense");
      page_.Finish(slot, task.attempt);
      SendResult(task.attempt, task.arguments);
      return;
    } else if (mode_ == "second handshake") {
      SendHandshake();
    } else if (mode_ == "garbage") {
      SendRaw(std::string(4096, '\xa5'));
    } else if (mode_ == "huge body") {
      SendRaw(HeaderBytes(64, 0, uint64_t{1} << 63));
    } else if (mode_ == "half a result") {
      SendRaw(HeaderBytes(64, 0, 1 << 20) + std::string(40, 'x'));
      _exit(0);
    } else if (mode_ == "missing memfd") {
      SendRaw(HeaderBytes(64, 1, 0) + std::string(64, '\0'));
    } else if (mode_ == "short memfd") {
      page_.Finish(slot, task.attempt);
      SendMemfd(task.attempt, 10, 1 << 20);
      return;
    } else if (mode_ == "changing result") {
      page_.Finish(slot, task.attempt);
      SendChanging(task.attempt, /*kept_file=*/1);
      return;
    } else if (mode_ == "unknown file") {
      SendChanging(task.attempt, /*kept_file=*/200);
    } else if (mode_ == "memfd beyond the limit") {
      SendMemfd(task.attempt, 10, uint64_t{1} << 40);
    } else {
      std::fprintf(stderr, "no such mode: %s\n", mode_.c_str());
      _exit(2);
    }
    WaitForTheEnd();
  }

  const std::string mode_;
  Channel channel_{UniqueFd(kWorkerSocket)};
  ClaimPage page_;
  UniqueFd changing_;
};

}  // namespace
}  // namespace asyncpal::testing

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    asyncpal::testing::FakeWorker(argv[1]).Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fake worker: %s\n", error.what());
    return 1;
  }
}
