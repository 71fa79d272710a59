#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <string>

#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/process_faults.h"

// A program with four workers, three that are busy for ever and one that is
// idle, each of which notes its process in the ledger. It waits to be killed.
//
//   orphan_program <ledger> <0|1>
//
// 1: the workers do without the signal that the kernel sends when a parent
// dies, and must notice by themselves.

namespace {

using ::asyncpal::testing::ExecutionLedger;

void Enter(const std::string& ledger, bool without_signal) {
  if (without_signal) prctl(PR_SET_PDEATHSIG, 0);
  ExecutionLedger::Note(ledger, getpid());
}

void Sleep(std::string ledger, bool without_signal) {
  Enter(ledger, without_signal);
  while (true) sleep(60);
}

void Spin(std::string ledger, bool without_signal) {
  Enter(ledger, without_signal);
  volatile int n = 0;
  while (true) n = n + 1;
}

void IgnoreSignals(std::string ledger, bool without_signal) {
  for (int n = 1; n < NSIG; ++n) signal(n, SIG_IGN);
  Enter(ledger, without_signal);
  while (true) pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string ledger = argv[1];
  const bool without_signal = argv[2][0] == '1';
  asyncpal::ProcessPool pool(4);
  pool.Submit(Sleep, ledger, without_signal);
  pool.Submit(Spin, ledger, without_signal);
  pool.Submit(IgnoreSignals, ledger, without_signal);
  pool.Submit(Enter, ledger, without_signal).Collect();
  while (true) pause();
}
