#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncpal/benchmarks/peer_process.h"
#include "asyncpal/benchmarks/process_contestant.h"

namespace asyncpal::benchmarks {
namespace {

// python_pools.py measures; see there for what the lines are.
class PythonProcesses final : public Contestant {
 public:
  PythonProcesses(const std::string& script, const std::string& pool)
      : python_({"python3", script, pool}) {
    if (python_.ReadLine() != "ready") {
      throw std::runtime_error(script + " does not start");
    }
  }

  std::vector<double> Measure(const std::string& measure, int count) override {
    const std::string request = measure + " " + std::to_string(count) + "\n";
    python_.Write(request.data(), request.size());
    const std::string answer = python_.ReadLine();
    std::istringstream in(answer);
    std::vector<double> seconds;
    for (double value; in >> value;) seconds.push_back(value);
    if (!in.eof()) throw std::runtime_error(answer);
    return seconds;
  }

 private:
  PeerProcess python_;
};

}  // namespace

std::unique_ptr<Contestant> MakePythonProcesses(const std::string& script,
                                                const std::string& pool) {
  return std::make_unique<PythonProcesses>(script, pool);
}

}  // namespace asyncpal::benchmarks
