#ifndef ASYNCPAL_IPC_TESTING_FORBIDDEN_CALLS_H_
#define ASYNCPAL_IPC_TESTING_FORBIDDEN_CALLS_H_

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

namespace asyncpal::testing {

// From now on, these system calls fail with EPERM, as in a container with a
// strict profile.
inline void ForbidCalls(const std::vector<long>& calls) {
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    filter.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(call), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("can't forbid system calls");
    _exit(1);
  }
}

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_IPC_TESTING_FORBIDDEN_CALLS_H_
