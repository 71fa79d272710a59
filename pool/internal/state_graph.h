#ifndef ASYNCPAL_POOL_INTERNAL_STATE_GRAPH_H_
#define ASYNCPAL_POOL_INTERNAL_STATE_GRAPH_H_

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace asyncpal::internal::explorer {

// The states that a walk through all interleavings has come to, by their keys,
// and the steps between them. States are numbered in the order in which they
// were found, which is by the number of steps that lead there at least.
//
// Threads: one. Lifetime: keeps no state, only its key. Ordering: as said.
// Errors: lets out what memory throws. Shutdown: none.
class StateGraph {
 public:
  // The number of the state with that key, to which `step` has led from the
  // state `from`; -1: it is where the walk begins.
  struct Reached {
    int state;
    bool is_new;
  };
  Reached Reach(std::string key, int from, std::string step) {
    const auto [it, is_new] =
        numbers_.emplace(std::move(key), static_cast<int>(seen_.size()));
    if (is_new) seen_.push_back({.from = from, .step = std::move(step)});
    if (from >= 0 && it->second != from) {
      seen_[static_cast<size_t>(from)].leads_on = true;
      edges_.emplace_back(from, it->second);
    }
    return {it->second, is_new};
  }

  size_t size() const { return seen_.size(); }
  int from(int state) const { return seen_[static_cast<size_t>(state)].from; }
  // Whether no step leads away from that state, once all of its were walked.
  bool IsEnd(int state) const {
    return !seen_[static_cast<size_t>(state)].leads_on;
  }

  // The steps that lead there, a line each.
  std::string DescribeWay(int state) const {
    std::vector<const std::string*> steps;
    for (int i = state; i >= 0; i = from(i)) {
      steps.push_back(&seen_[static_cast<size_t>(i)].step);
    }
    std::string way;
    for (auto it = steps.rbegin(); it != steps.rend(); ++it) {
      absl::StrAppend(&way, "\n  ", **it);
    }
    return way;
  }

  // A state from which no end can be reached; -1: there is none. Once all were
  // walked.
  int FindEndless() const {
    std::vector<std::vector<int>> back(seen_.size());
    for (const auto& [from, to] : edges_) {
      back[static_cast<size_t>(to)].push_back(from);
    }
    std::vector<bool> reaches_end(seen_.size());
    std::deque<int> todo;
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (seen_[i].leads_on) continue;
      reaches_end[i] = true;
      todo.push_back(static_cast<int>(i));
    }
    while (!todo.empty()) {
      for (const int from : back[static_cast<size_t>(todo.front())]) {
        if (reaches_end[static_cast<size_t>(from)]) continue;
        reaches_end[static_cast<size_t>(from)] = true;
        todo.push_back(from);
      }
      todo.pop_front();
    }
    for (size_t i = 0; i < seen_.size(); ++i) {
      if (!reaches_end[i]) return static_cast<int>(i);
    }
    return -1;
  }

 private:
  struct Seen {
    int from;
    std::string step;
    bool leads_on = false;
  };

  std::vector<Seen> seen_;
  std::unordered_map<std::string, int> numbers_;
  std::vector<std::pair<int, int>> edges_;
};

}  // namespace asyncpal::internal::explorer

#endif  // ASYNCPAL_POOL_INTERNAL_STATE_GRAPH_H_
