#include "asyncpal/pool/internal/view_lane.h"

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/state_graph.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;

struct Node {
  Node* lane_previous = nullptr;
  Node* lane_next = nullptr;
};

using Lane = ViewLane<Node>;

// What is left of the lane, in order.
std::vector<const Node*> TakeAll(Lane& lane) {
  std::vector<const Node*> taken;
  while (Node* const node = lane.TakeFirst()) taken.push_back(node);
  return taken;
}

TEST(ViewLaneTest, GivesAsManyPlacesAsItHas) {
  Lane lane(2);
  EXPECT_TRUE(lane.TakePlace());
  EXPECT_TRUE(lane.TakePlace());
  EXPECT_FALSE(lane.TakePlace());
}

TEST(ViewLaneTest, PassesAPlaceToTheOneThatHasWaitedLongest) {
  Lane lane(1);
  std::array<Node, 2> nodes;
  ASSERT_TRUE(lane.TakePlace());
  for (Node& node : nodes) lane.Wait(node);
  EXPECT_EQ(lane.PassOn(), &nodes[0]);
  EXPECT_EQ(lane.PassOn(), &nodes[1]);
  EXPECT_EQ(lane.PassOn(), nullptr);
}

TEST(ViewLaneTest, HasAPlaceAgainWhenNobodyWantsIt) {
  Lane lane(1);
  ASSERT_TRUE(lane.TakePlace());
  EXPECT_EQ(lane.PassOn(), nullptr);
  EXPECT_TRUE(lane.TakePlace());
}

TEST(ViewLaneTest, KeepsAPassedPlaceTaken) {
  Lane lane(1);
  Node node;
  ASSERT_TRUE(lane.TakePlace());
  lane.Wait(node);
  ASSERT_EQ(lane.PassOn(), &node);
  EXPECT_FALSE(lane.TakePlace());
}

TEST(ViewLaneTest, ForgetsWhatLeaves) {
  Lane lane(1);
  std::array<Node, 3> nodes;
  ASSERT_TRUE(lane.TakePlace());
  for (Node& node : nodes) lane.Wait(node);
  lane.Leave(nodes[1]);
  EXPECT_THAT(TakeAll(lane), ElementsAre(&nodes[0], &nodes[2]));
}

TEST(ViewLaneTest, ForgetsTheFirstAndTheLast) {
  Lane lane(1);
  std::array<Node, 3> nodes;
  ASSERT_TRUE(lane.TakePlace());
  for (Node& node : nodes) lane.Wait(node);
  lane.Leave(nodes[0]);
  lane.Leave(nodes[2]);
  EXPECT_THAT(TakeAll(lane), ElementsAre(&nodes[1]));
}

TEST(ViewLaneTest, IsQuietOnlyWithoutPlacesTakenAndWithoutWaiters) {
  Lane lane(1);
  EXPECT_TRUE(lane.is_quiet());
  ASSERT_TRUE(lane.TakePlace());
  EXPECT_FALSE(lane.is_quiet());
  lane.PassOn();
  EXPECT_TRUE(lane.is_quiet());
}

// ------------------------------------------------------ All interleavings
//
// Tasks come, run and end, are cancelled while they wait or are queued, and the
// pool may close at any moment, which takes all that has not begun.

struct Correct {
  template <typename Pass>
  static void PassOn(Lane& lane, Pass pass) {
    if (Node* const next = lane.PassOn()) pass(*next);
  }
};

// The seeded fault.
struct PassesOnTwo {
  template <typename Pass>
  static void PassOn(Lane& lane, Pass pass) {
    Correct::PassOn(lane, pass);
    if (Node* const next = lane.TakeFirst()) pass(*next);
  }
};

template <typename Policy>
class Model {
 public:
  static constexpr size_t kTasks = 4;
  enum Stage : char { kNew, kWaiting, kQueued, kRunning, kDone };

  explicit Model(int places) : lane_(places) { stages_.fill(kNew); }

  // The steps that can be taken now, and how to take them.
  std::vector<std::string> Steps() const {
    std::vector<std::string> steps;
    if (!closed_ && submitted_ < kTasks) steps.push_back("submit");
    for (size_t i = 0; i < kTasks; ++i) {
      if (stages_[i] == kQueued) steps.push_back(absl::StrCat("start ", i));
      if (stages_[i] == kRunning) steps.push_back(absl::StrCat("end ", i));
      if (stages_[i] == kQueued || stages_[i] == kWaiting) {
        steps.push_back(absl::StrCat("cancel ", i));
      }
    }
    if (!closed_) steps.push_back("close");
    return steps;
  }
  void Take(const std::string& step) {
    if (step == "submit") return Submit();
    if (step == "close") return Close();
    const size_t i = static_cast<size_t>(step.back() - '0');
    if (step.starts_with("start")) {
      stages_[i] = kRunning;
      return;
    }
    const Stage was = std::exchange(stages_[i], kDone);
    if (was == kWaiting) {
      lane_.Leave(nodes_[i]);
    } else {
      PassOn();
    }
  }

  // What is wrong with the state; empty: nothing.
  std::string Check() const {
    int active = 0;
    bool waits = false;
    for (const Stage stage : stages_) {
      active += stage == kQueued || stage == kRunning;
      waits = waits || stage == kWaiting;
    }
    if (active > lane_.places()) return "more tasks have a place than may";
    if (active != lane_.taken()) return "places are taken by nobody";
    if (waits && active < lane_.places()) return "one waits beside a place";
    if (waits != lane_.has_waiting()) return "the lane has lost one";
    for (size_t i = 1; i < queued_.size(); ++i) {
      if (queued_[i] < queued_[i - 1]) return "one has overtaken another";
    }
    return "";
  }
  std::string Key() const {
    std::string key(stages_.begin(), stages_.end());
    for (char& c : key) c = static_cast<char>(c + '0');
    return absl::StrCat(key, "/", submitted_, "/", closed_, "/", lane_.taken(),
                        "/", queued_.size());
  }
  bool IsAtRest() const { return lane_.is_quiet(); }

 private:
  void Submit() {
    const size_t i = submitted_++;
    if (lane_.TakePlace()) {
      Queue(nodes_[i]);
    } else {
      stages_[i] = kWaiting;
      lane_.Wait(nodes_[i]);
    }
  }
  void Queue(Node& node) {
    const auto i = static_cast<size_t>(&node - nodes_.data());
    stages_[i] = kQueued;
    queued_.push_back(i);
  }
  void PassOn() {
    Policy::PassOn(lane_, [this](Node& node) { Queue(node); });
  }
  void Close() {
    closed_ = true;
    while (Node* const node = lane_.TakeFirst()) {
      stages_[static_cast<size_t>(node - nodes_.data())] = kDone;
    }
    for (Stage& stage : stages_) {
      if (stage != kQueued) continue;
      stage = kDone;
      PassOn();
    }
  }

  Lane lane_;
  std::array<Node, kTasks> nodes_;
  std::array<Stage, kTasks> stages_;
  size_t submitted_ = 0;
  bool closed_ = false;
  std::vector<size_t> queued_;  // in this order
};

// Walks through all states. Returns the first thing that is wrong, with the way
// there; empty: there is none.
template <typename Policy>
std::string Explore(int places, size_t* states) {
  explorer::StateGraph graph;
  // A state is made by the steps that lead there: nodes can't be copied.
  std::deque<std::pair<int, std::vector<std::string>>> open;
  const auto make = [&](const std::vector<std::string>& steps) {
    auto model = std::make_unique<Model<Policy>>(places);
    for (const std::string& step : steps) model->Take(step);
    return model;
  };
  open.push_back({graph.Reach(make({})->Key(), -1, "begin").state, {}});
  while (!open.empty()) {
    auto [state, way] = std::move(open.front());
    open.pop_front();
    const std::vector<std::string> steps = make(way)->Steps();
    for (const std::string& step : steps) {
      std::vector<std::string> longer = way;
      longer.push_back(step);
      const auto model = make(longer);
      const auto reached = graph.Reach(model->Key(), state, step);
      if (!reached.is_new) continue;
      const std::string wrong = model->Check();
      if (!wrong.empty()) {
        return absl::StrCat(wrong, graph.DescribeWay(reached.state));
      }
      if (model->Steps().empty() && !model->IsAtRest()) {
        return absl::StrCat("it never ends", graph.DescribeWay(reached.state));
      }
      open.push_back({reached.state, std::move(longer)});
    }
  }
  *states = graph.size();
  return "";
}

TEST(ViewLaneExplorerTest, FindsNothingWrongInAnyOrderOfEvents) {
  for (const int places : {1, 2, 3}) {
    size_t states = 0;
    EXPECT_EQ(Explore<Correct>(places, &states), "") << places;
    EXPECT_GT(states, 90u) << places;
  }
}

TEST(ViewLaneExplorerTest, FindsAViewThatPassesOnTwo) {
  for (const int places : {1, 2}) {
    size_t states = 0;
    EXPECT_THAT(Explore<PassesOnTwo>(places, &states),
                ::testing::HasSubstr("more tasks have a place than may"))
        << places;
  }
}

}  // namespace
}  // namespace asyncpal::internal
