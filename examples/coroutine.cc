// A coroutine reads like plain code, and holds no thread while it waits.

#include <iostream>
#include <stdexcept>
#include <string>

#include "asyncpal/future/future.h"
#include "asyncpal/pool/thread_pool.h"

using asyncpal::Future;
using asyncpal::ThreadPool;

namespace {

// These stand in for slow queries.
int FindUserId(const std::string& name) {
  if (name == "ada") return 1;
  if (name == "grace") return 2;
  throw std::out_of_range("no user named " + name);
}
int CountOrders(int user_id) { return user_id * 10; }
int CountReturns(int user_id) { return user_id; }

// Returning a Future makes it a coroutine's. It starts on the caller's thread;
// after a co_await it goes on where the awaited task was run. Arguments that it
// needs later are taken by value, and the pool must outlive it.
Future<int> CountKept(ThreadPool& pool, std::string name) {
  const int id = co_await pool.Submit(FindUserId, name);
  // Both run at once; only then does it wait.
  Future<int> orders = pool.Submit(CountOrders, id);
  Future<int> returns = pool.Submit(CountReturns, id);
  co_return co_await orders - co_await returns;
}

// What a task throws, co_await throws. What a coroutine lets out is the failure
// of its future.
Future<std::string> Describe(ThreadPool& pool, std::string name) {
  try {
    const int kept = co_await CountKept(pool, name);
    co_return name + " kept " + std::to_string(kept) + " orders";
  } catch (const std::out_of_range& error) {
    co_return error.what();
  }
}

}  // namespace

int main() {
  ThreadPool pool(4);

  // All three are under way before the first is waited for.
  Future<std::string> ada = Describe(pool, "ada");
  Future<std::string> grace = Describe(pool, "grace");
  Future<std::string> nobody = Describe(pool, "nobody");
  std::cout << ada.Collect() << "\n";
  std::cout << grace.Collect() << "\n";
  std::cout << nobody.Collect() << "\n";

  const absl::StatusOr<int> kept = CountKept(pool, "nobody").TryCollect();
  std::cout << kept.status() << "\n";
}
