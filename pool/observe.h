#ifndef ASYNCPAL_POOL_OBSERVE_H_
#define ASYNCPAL_POOL_OBSERVE_H_

#include <string>
#include <vector>

namespace asyncpal {

// The state and the counters of all pools of this process, in the text format
// of Prometheus (version 0.0.4), for the answer to a scrape:
//
//   response.set_header("Content-Type", "text/plain; version=0.0.4");
//   response.set_body(asyncpal::PrometheusText());
//
// Series are labelled with the pool's name (`pool`), its id (`id`), which tells
// pools of the same name apart, and `kind`, "threads" or "processes". Names of
// tasks are not labels. A pool is included until its destructor runs.
//
// Threads: any. It waits for each pool's lock in turn, for microseconds.
std::string PrometheusText();

// What all pools of this process are doing, for people: each with its workers,
// what they run, since when and for how long, and the first of the tasks that
// are pending. A busy worker process of a C++ program tells its stack, for
// which it is interrupted by SIGURG. For logs, and for debuggers (`call
// asyncpal::DumpState()`); the text may change from one version to the next.
//
// A program that is started with ASYNCPAL_DUMP_ON_SIGQUIT=1 in its environment
// writes this to stderr at each SIGQUIT (kill -QUIT) and goes on, from
// its first pool on; unless it handles that signal itself.
//
// Threads: any, as for PrometheusText(). Where worker processes don't answer,
// as those that are stopped, it takes up to a second more for each pool.
std::string DumpState();

namespace internal {

struct MetricFamily;

// What PrometheusText() is made of.
std::vector<MetricFamily> DescribeAllPools();

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_OBSERVE_H_
