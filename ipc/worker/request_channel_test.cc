#include "asyncpal/ipc/worker/request_channel.h"

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

struct Pair {
  explicit Pair(RequestServer::Handler handler) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    server =
        std::make_unique<RequestServer>(UniqueFd(fds[0]), std::move(handler));
    client = std::make_unique<RequestClient>(UniqueFd(fds[1]));
  }

  std::unique_ptr<RequestServer> server;
  std::unique_ptr<RequestClient> client;
};

TEST(Requests, AreAnsweredByTheHandler) {
  Pair pair([](const std::string& request) { return "re: " + request; });
  EXPECT_EQ(pair.client->Ask("one"), "re: one");
  EXPECT_EQ(pair.client->Ask(""), "re: ");
}

TEST(Requests, ComeFromManyThreadsAtOnce) {
  Pair pair([](const std::string& request) { return request + request; });
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) {
        const std::string request = std::to_string(1000 * i + n);
        if (pair.client->Ask(request) == request + request) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8 * 200);
}

TEST(Requests, HaveLargeAnswers) {
  const std::string large(3 << 20, 'x');
  Pair pair([&](const std::string&) { return large; });
  EXPECT_EQ(pair.client->Ask("?"), large);
}

TEST(Requests, AreAnsweredEmptyWhereTheHandlerThrows) {
  Pair pair([](const std::string& request) -> std::string {
    if (request == "bad") throw std::runtime_error("handler");
    return "good";
  });
  EXPECT_EQ(pair.client->Ask("bad"), "");
  EXPECT_EQ(pair.client->Ask("?"), "good");
}

TEST(Requests, AreAnsweredEmptyWhereTheAnswerIsTooLarge) {
  Pair pair([](const std::string&) {
    return std::string(kMaxRequestBytes + 1, 'x');
  });
  EXPECT_EQ(pair.client->Ask("?"), "");
}

TEST(Requests, FailOnceTheServerHasGone) {
  Pair pair([](const std::string& request) { return request; });
  EXPECT_EQ(pair.client->Ask("1"), "1");
  pair.server.reset();
  EXPECT_THROW(pair.client->Ask("2"), ChannelClosedError);
}

TEST(Requests, LetTheServerGoWithItsClient) {
  Pair pair([](const std::string& request) { return request; });
  pair.client.reset();
  pair.server.reset();  // returns
}

}  // namespace
}  // namespace asyncpal::internal
