// Answers Prometheus on http://127.0.0.1:PORT/metrics while pools work:
//
//   ./bazelw run //examples:metrics -- 9464
//
// It says its port, and ends with its stdin. A program that has an HTTP server
// returns PrometheusText() from that, with the same content type.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/pool/observe.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/thread_pool.h"

namespace {

int Square(int x) { return x * x; }

// The first time.
void FailOnce() {
  static std::atomic<bool> has_failed{false};
  if (!has_failed.exchange(true)) throw std::runtime_error("not yet");
}

// Port 0: any that is free. -1: there is none.
int Listen(uint16_t port) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  return bind(server, any, sizeof(address)) == 0 && listen(server, 16) == 0
             ? server
             : -1;
}

uint16_t PortOf(int server) {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  getsockname(server, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

// Whatever is asked for.
void Answer(int client) {
  std::string request;
  char buffer[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t size = read(client, buffer, sizeof(buffer));
    if (size <= 0) return;
    request.append(buffer, static_cast<size_t>(size));
  }
  const std::string body = asyncpal::PrometheusText();
  const std::string response =
      "HTTP/1.1 200 OK\r\nConnection: close\r\n"
      "Content-Type: text/plain; version=0.0.4\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  for (size_t sent = 0; sent < response.size();) {
    const ssize_t size = send(client, response.data() + sent,
                              response.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent += static_cast<size_t>(size);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc > 1 ? std::atoi(argv[1]) : 0;
  const int server = Listen(static_cast<uint16_t>(port));
  if (server < 0) {
    std::cerr << "can't listen at port " << port << "\n";
    return 1;
  }
  asyncpal::ThreadPool threads(
      {.max_workers = 2, .name = "images", .histograms = true});
  asyncpal::ThreadPool odd({.max_workers = 1, .name = "a\"b\\c\nd"});
  asyncpal::ProcessPool processes({.max_workers = 1, .name = "images"});
  for (int i = 0; i < 100; ++i) threads.Run(Square, i);
  threads.SubmitRetrying({.backoff = absl::Milliseconds(1)}, FailOnce)
      .Collect();
  for (int i = 0; i < 7; ++i) processes.Run(Square, i);
  std::cout << PortOf(server) << std::endl;
  while (true) {
    pollfd watched[] = {{server, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    poll(watched, 2, -1);
    if (watched[1].revents != 0) return 0;
    const int client = accept4(server, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    threads.Run(Square, client);
    Answer(client);
    close(client);
  }
}
