#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/bindings/facade/process_pool.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/process_pool.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

// A host's options have their defaults from here.
TEST(SettingsTest, DefaultsAreThoseOfTheOptions) {
  const NativePoolOptions threads;
  const asyncpal::PoolOptions thread_options;
  EXPECT_EQ(threads.max_workers, thread_options.max_workers);
  EXPECT_EQ(threads.idle_timeout, ToNanos(thread_options.idle_timeout));
  EXPECT_EQ(threads.max_tasks_per_worker, thread_options.max_tasks_per_worker);
  EXPECT_EQ(threads.initializer_timeout,
            ToNanos(thread_options.initializer_timeout));
  EXPECT_EQ(threads.max_pending, thread_options.max_pending);
  EXPECT_EQ(threads.stall_threshold, ToNanos(thread_options.stall_threshold));
  EXPECT_EQ(threads.histograms, thread_options.histograms);
  EXPECT_EQ(threads.observer, thread_options.observer);
  EXPECT_EQ(threads.when_full, static_cast<int>(thread_options.when_full));
  EXPECT_EQ(threads.stack_size,
            static_cast<int64_t>(thread_options.stack_size));
  EXPECT_EQ(threads.priority_step, ToNanos(thread_options.priority_step));
  EXPECT_EQ(threads.min_workers, thread_options.min_workers);
  EXPECT_EQ(threads.max_worker_age, ToNanos(thread_options.max_worker_age));

  const NativeProcessPoolOptions processes;
  const asyncpal::ProcessPoolOptions options;
  EXPECT_EQ(processes.max_workers, options.max_workers);
  EXPECT_EQ(processes.idle_timeout, ToNanos(options.idle_timeout));
  EXPECT_EQ(processes.initializer_timeout,
            ToNanos(options.initializer_timeout));
  EXPECT_EQ(processes.max_payload_bytes, options.max_payload_bytes);
  EXPECT_EQ(processes.max_pending_bytes, options.max_pending_bytes);
  EXPECT_EQ(processes.max_restarts, options.max_restarts);
  EXPECT_EQ(processes.restart_window, ToNanos(options.restart_window));
  EXPECT_EQ(processes.handshake_timeout, ToNanos(options.handshake_timeout));
  EXPECT_EQ(processes.no_new_privileges, options.no_new_privileges);
  EXPECT_EQ(processes.max_worker_bytes, options.max_worker_bytes);

  const NativeTaskOptions task;
  const asyncpal::TaskOptions task_options;
  EXPECT_EQ(task.timeout, ToNanos(task_options.timeout));
  EXPECT_EQ(task.queue_deadline, ToNanos(task_options.queue_deadline));
  EXPECT_EQ(task.max_attempts, task_options.max_attempts);
  EXPECT_EQ(task.priority, static_cast<int>(task_options.priority));
  EXPECT_EQ(task.at_shutdown, static_cast<int>(task_options.at_shutdown));
}

}  // namespace
}  // namespace asyncpal::facade
