#include "asyncpal/pool/testing/process_faults.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"

namespace asyncpal::testing {
namespace {

struct Stat {
  char state = 0;  // 0: there is no such process
  pid_t parent = 0;
  uint64_t start_time = 0;
};

Stat ReadStat(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  // Unlike an iterator, this does not throw when the process is gone meanwhile.
  std::string text;
  std::getline(file, text, '\0');
  // The name, which comes second in parentheses, may contain anything.
  const size_t name_end = text.rfind(')');
  Stat stat;
  if (name_end == std::string::npos) return stat;
  std::istringstream fields(text.substr(name_end + 1));
  fields >> stat.state >> stat.parent;
  std::string skipped;
  for (int field = 5; field < 22; ++field) fields >> skipped;
  fields >> stat.start_time;
  return stat;
}

int Double(int n) { return 2 * n; }

}  // namespace

ProcessIdentity IdentifyProcess(pid_t pid) {
  return {pid, ReadStat(pid).start_time};
}

bool HasEnded(const ProcessIdentity& process) {
  const Stat stat = ReadStat(process.pid);
  return stat.state == 0 || stat.state == 'Z' || stat.state == 'X' ||
         stat.start_time != process.start_time;
}

std::vector<pid_t> ListChildren(pid_t parent) {
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), &closedir);
  if (folder == nullptr) {
    throw std::system_error(errno, std::generic_category(), "/proc");
  }
  while (const dirent* const entry = readdir(folder.get())) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid > 0 && ReadStat(pid).parent == parent) children.push_back(pid);
  }
  return children;
}

pid_t FindWorker(const Pool& pool, const std::string& task_name) {
  for (const WorkerInfo& worker : pool.Workers()) {
    if (worker.current_task == task_name) {
      return static_cast<pid_t>(worker.pid.value_or(0));
    }
  }
  return 0;
}

pid_t OnlyWorker(const Pool& pool) {
  const std::vector<WorkerInfo> workers = pool.Workers();
  return workers.size() == 1 ? static_cast<pid_t>(workers[0].pid.value_or(0))
                             : 0;
}

ExecutionLedger::ExecutionLedger() {
  const char* const folder = std::getenv("TEST_TMPDIR");
  path_ = absl::StrCat(folder != nullptr ? folder : "/tmp", "/ledger-XXXXXX");
  const int fd = mkostemp(path_.data(), O_CLOEXEC);
  if (fd == -1) throw std::system_error(errno, std::generic_category(), path_);
  close(fd);
}

ExecutionLedger::~ExecutionLedger() { unlink(path_.c_str()); }

int ExecutionLedger::Note(const std::string& path, int task) {
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  // So few bytes are appended whole or not at all.
  if (fd == -1 || write(fd, &task, sizeof(task)) != sizeof(task)) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  const off_t position = lseek(fd, 0, SEEK_CUR);
  close(fd);
  return static_cast<int>(position / static_cast<off_t>(sizeof(task)));
}

std::vector<int> ExecutionLedger::Read() const {
  std::ifstream file(path_, std::ios::binary);
  std::vector<int> tasks;
  int task;
  while (file.read(reinterpret_cast<char*>(&task), sizeof(task))) {
    tasks.push_back(task);
  }
  return tasks;
}

int ExecutionLedger::Count(int task) const {
  int count = 0;
  for (const int noted : Read()) count += noted == task ? 1 : 0;
  return count;
}

std::vector<int> ExecutionLedger::CountEach(int size) const {
  std::vector<int> counts(size);
  for (const int task : Read()) counts.at(task) += 1;
  return counts;
}

bool StillWorks(ProcessPool& pool) {
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.Submit(Double, i));
  for (int i = 0; i < 100; ++i) {
    if (futures[i].Collect(absl::Seconds(30)) != 2 * i) return false;
  }
  return true;
}

}  // namespace asyncpal::testing
