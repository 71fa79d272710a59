#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "asyncpal/benchmarks/peer_process.h"
#include "asyncpal/benchmarks/process_contestant.h"
#include "asyncpal/benchmarks/stopwatch.h"

namespace asyncpal::benchmarks {
namespace {

constexpr char kEcho[] = "--echo";
constexpr size_t kCallBytes = 64;
constexpr int kWindow = 64;  // calls on their way to each process, at most

std::unique_ptr<PeerProcess> StartEcho(size_t bytes) {
  return std::make_unique<PeerProcess>(
      std::vector<std::string>{"/proc/self/exe", kEcho, std::to_string(bytes)});
}

class SocketProcesses final : public Contestant {
 public:
  std::vector<double> Measure(const std::string& measure, int count) override {
    if (measure == "idle_call" || measure == "call") {
      return Calls(count, measure == "idle_call");
    }
    if (measure == "pipelined") return {Pipelined(count)};
    if (const size_t bytes = EchoBytes(measure)) return Echoes(bytes, count);
    if (measure == "spawn") return Spawns(count);
    if (measure == "notice" || measure == "recover") {
      return Kills(count, measure == "recover");
    }
    return {};
  }

 private:
  static void Call(PeerProcess& peer) {
    std::array<char, kCallBytes> message = {};
    peer.Write(message.data(), message.size());
    peer.Read(message.data(), message.size());
  }

  std::vector<double> Calls(int count, bool idle) {
    std::vector<double> seconds;
    for (int i = 0; i < 5; ++i) Call(*first_);
    for (int i = 0; i < count; ++i) {
      if (idle) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const Stopwatch watch;
      Call(*first_);
      seconds.push_back(watch.Seconds());
    }
    return seconds;
  }

  double Pipelined(int count) {
    std::vector<char> messages(kWindow * kCallBytes);
    Call(*first_);
    Call(*second_);
    const Stopwatch watch;
    for (int sent = 0; sent < count; sent += 2 * kWindow) {
      for (int i = 0; i < kWindow; ++i) {
        first_->Write(messages.data(), kCallBytes);
        second_->Write(messages.data(), kCallBytes);
      }
      first_->Read(messages.data(), messages.size());
      second_->Read(messages.data(), messages.size());
    }
    constexpr int kRound = 2 * kWindow;
    return watch.Seconds() / ((count + kRound - 1) / kRound * kRound);
  }

  static std::vector<double> Echoes(size_t bytes, int count) {
    std::vector<double> seconds;
    std::string data(bytes, 'x');
    const auto peer = StartEcho(bytes);
    peer->Write(data.data(), data.size());  // it has started, and has its pages
    peer->Read(data.data(), data.size());
    for (int i = 0; i < count; ++i) {
      const Stopwatch watch;
      peer->Write(data.data(), data.size());
      peer->Read(data.data(), data.size());
      seconds.push_back(watch.Seconds() / MebibytesOf(bytes));
    }
    return seconds;
  }

  static std::vector<double> Spawns(int count) {
    std::vector<double> seconds;
    for (int i = 0; i < count; ++i) {
      const Stopwatch watch;
      const auto peer = StartEcho(kCallBytes);
      Call(*peer);
      seconds.push_back(watch.Seconds());
    }
    return seconds;
  }

  static std::vector<double> Kills(int count, bool recover) {
    std::vector<double> seconds;
    auto peer = StartEcho(kCallBytes);
    for (int i = 0; i < count; ++i) {
      Call(*peer);
      const Stopwatch watch;
      kill(peer->pid(), SIGKILL);
      peer->WaitForEnd();
      if (recover) {
        auto next = StartEcho(kCallBytes);
        Call(*next);
        seconds.push_back(watch.Seconds());
        peer = std::move(next);
      } else {
        seconds.push_back(watch.Seconds());
        peer = StartEcho(kCallBytes);
      }
    }
    return seconds;
  }

  const std::unique_ptr<PeerProcess> first_ = StartEcho(kCallBytes);
  const std::unique_ptr<PeerProcess> second_ = StartEcho(kCallBytes);
};

}  // namespace

void BecomeSocketProcessIfAsked(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != kEcho) return;
  std::vector<char> message(static_cast<size_t>(std::atol(argv[2])));
  while (true) {
    for (size_t done = 0; done < message.size();) {
      const ssize_t n =
          read(STDIN_FILENO, message.data() + done, message.size() - done);
      if (n <= 0) _exit(0);
      done += static_cast<size_t>(n);
    }
    for (size_t done = 0; done < message.size();) {
      const ssize_t n =
          write(STDOUT_FILENO, message.data() + done, message.size() - done);
      if (n <= 0) _exit(0);
      done += static_cast<size_t>(n);
    }
  }
}

std::unique_ptr<Contestant> MakeSocketProcesses() {
  return std::make_unique<SocketProcesses>();
}

}  // namespace asyncpal::benchmarks
