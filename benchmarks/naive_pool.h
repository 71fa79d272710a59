#ifndef ASYNCPAL_BENCHMARKS_NAIVE_POOL_H_
#define ASYNCPAL_BENCHMARKS_NAIVE_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncpal::benchmarks {

// The textbook pool that measurements are compared with: what one writes on an
// afternoon. A mutex, a condition variable notified for every task, a deque of
// std::function, and std::packaged_task for results.
//
// Threads: any thread may call. Lifetime: the destructor runs what is queued
// and joins. Ordering: tasks start in the order of the queue. Errors: a posted
// task must not throw. Shutdown: none but the destructor.
class NaivePool {
 public:
  explicit NaivePool(int workers) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~NaivePool() {
    {
      std::lock_guard lock(mu_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  NaivePool(const NaivePool&) = delete;
  NaivePool& operator=(const NaivePool&) = delete;

  void Post(std::function<void()> task) {
    {
      std::lock_guard lock(mu_);
      queue_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

  template <typename F>
  auto Submit(F f) {
    // std::function wants to be copied.
    auto task = std::make_shared<std::packaged_task<std::invoke_result_t<F>()>>(
        std::move(f));
    auto future = task->get_future();
    Post([task = std::move(task)] { (*task)(); });
    return future;
  }

 private:
  void Work() {
    while (true) {
      std::function<void()> task;
      {
        std::unique_lock lock(mu_);
        changed_.wait(lock, [this] { return closed_ || !queue_.empty(); });
        if (queue_.empty()) return;
        task = std::move(queue_.front());
        queue_.pop_front();
      }
      task();
    }
  }

  std::mutex mu_;
  std::condition_variable changed_;          // queue_ or closed_
  std::deque<std::function<void()>> queue_;  // guarded by mu_
  bool closed_ = false;                      // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace asyncpal::benchmarks

#endif  // ASYNCPAL_BENCHMARKS_NAIVE_POOL_H_
