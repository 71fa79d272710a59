#ifndef ASYNCPAL_POOL_TESTING_GATE_H_
#define ASYNCPAL_POOL_TESTING_GATE_H_

#include <string>

namespace asyncpal::testing {

// Holds tasks in the middle of their run until a test lets them go on. It is
// made of named pipes, so that a task needs nothing but its path, in whatever
// process it runs:
//
//   Gate gate;
//   auto future = pool.Submit(PassGate, gate.path(), 7);
//   ASSERT_TRUE(gate.WaitForArrivals(1));
//   EXPECT_TRUE(future.is_running());
//   gate.Open();
//   EXPECT_EQ(future.Collect(), 7);
//
// Threads: any thread may call any method.
// Lifetime: the destructor opens it; declared after the pool, it lets the tasks
// of a test that failed half-way go before the pool waits for them.
class Gate {
 public:
  Gate();
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  const std::string& path() const { return path_; }

  // Blocks until `n` tasks more than in earlier calls have come to the gate.
  // False: they did not come within 30 s.
  bool WaitForArrivals(int n);

  // How many tasks have come that WaitForArrivals() was not told of.
  int CountArrivals() const;

  // For everyone, also for who comes later.
  void Open();
  // For the next `n` tasks.
  void Open(int n);

 private:
  std::string path_;
  int arrivals_ = -1;
  int tokens_ = -1;
};

// The task: comes to the gate at `path`, waits until it is open, and returns
// `value`. Throws after 30 s at a closed gate.
int PassGate(std::string path, int value);

// A task that leaves a mark at the gate, to be seen by WaitForArrivals(), and
// does not wait. Returns `value`.
int TouchGate(std::string path, int value);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_GATE_H_
