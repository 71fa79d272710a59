#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_EXPLORER_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/pool/internal/process_model.h"
#include "asyncpal/pool/internal/state_graph.h"

namespace asyncpal::internal::explorer {

// Walks all interleavings of a small process pool's critical sections with each
// other and with what its worker processes do, without a thread or a process.
//
// How it works. What ProcessModel is made of can't be copied, as tasks have
// addresses. So a state is the way that leads there, and each step is taken by
// a new model that goes this way first. Then
// - no task begins twice, or after it was cancelled;
// - a state from which no step leads must have all tasks done, all counts add
//   up, and no worker left if the pool is closed;
// - from every state, such a state can be reached;
// - in every state in which all threads sleep or are in user code, no task
//   waits beside an idle worker, or beside room for one, be it in the queue or
//   prefetched.
class ProcessExplorer {
 public:
  explicit ProcessExplorer(ProcessProgram program)
      : program_(std::move(program)) {}

  // Empty: nothing was found; or what, and the steps that lead there.
  std::string Explore() {
    ProcessModel first(program_, pages_, attempt_);
    graph_.Reach(first.TakeKey(), -1, "the beginning");
    choices_.push_back(0);
    for (int state = 0; static_cast<size_t>(state) < graph_.size(); ++state) {
      if (std::string found = Walk(state); !found.empty()) return found;
    }
    const int endless = graph_.FindEndless();
    return endless < 0
               ? ""
               : "the end can't be reached" + graph_.DescribeWay(endless);
  }

  size_t states() const { return graph_.size(); }

 private:
  // Takes each step from that state.
  std::string Walk(int state) {
    std::vector<int> way;
    for (int i = state; i > 0; i = graph_.from(i)) {
      way.push_back(choices_[static_cast<size_t>(i)]);
    }
    for (int number = 0;; ++number) {
      ProcessModel model(program_, pages_, attempt_);
      std::string what;
      for (auto it = way.rbegin(); it != way.rend(); ++it) {
        model.Step(*it, &what);
      }
      const bool is_taken = model.Step(number, &what);
      const std::string mistake =
          model.FindMistake(/*is_end=*/!is_taken && number == 0);
      if (!mistake.empty()) {
        return mistake + graph_.DescribeWay(state) +
               (is_taken ? "\n  " + what : "");
      }
      if (!is_taken) return "";
      if (graph_.Reach(model.TakeKey(), state, std::move(what)).is_new) {
        choices_.push_back(number);
      }
    }
  }

  const ProcessProgram program_;
  std::deque<ClaimPage> pages_;
  uint64_t attempt_ = 0;
  StateGraph graph_;
  std::vector<int> choices_;  // the step that led to each state
};

}  // namespace asyncpal::internal::explorer

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_EXPLORER_H_
