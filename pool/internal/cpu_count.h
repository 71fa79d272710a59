#ifndef ASYNCPAL_POOL_INTERNAL_CPU_COUNT_H_
#define ASYNCPAL_POOL_INTERNAL_CPU_COUNT_H_

#include <istream>
#include <string>

namespace asyncpal::internal {

// How many CPUs this process may keep busy: those of its affinity mask, or
// fewer where its cgroup has a quota. At least 1.
int AvailableCpus();

// The same, with the quota as it was at the first call: a thousand times
// faster, for what each pool asks and may be wrong about.
int ProbablyAvailableCpus();

// The CPUs that a cgroup v2 `cpu.max` allows ("200000 100000" is 2, rounded
// up), 0 where that is no limit or no such text.
int CpusOfQuota(const std::string& cpu_max);

// The same for the cgroups in a text like that of /proc/self/cgroup, of version
// 1 and 2, whose trees are below `root`: the tightest of all quotas.
int CpusOfCgroups(std::istream& cgroups, const std::string& root);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_CPU_COUNT_H_
