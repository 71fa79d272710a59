#ifndef ASYNCPAL_POOL_OBSERVE_H_
#define ASYNCPAL_POOL_OBSERVE_H_

#include <string>

namespace asyncpal {

// What all pools of this process have and have done, in the text format of
// Prometheus (version 0.0.4), for the answer to a scrape:
//
//   response.set_header("Content-Type", "text/plain; version=0.0.4");
//   response.set_body(asyncpal::PrometheusText());
//
// Series are labelled with the pool's name (`pool`), its id, by which two of
// one name are told apart (`id`), and `kind`, "threads" or "processes". Names
// of tasks are no labels. A pool is in it until its destructor.
//
// Threads: any. It waits for each pool's lock in turn, for microseconds.
std::string PrometheusText();

// What all pools of this process are doing, for people: each with its workers,
// what they run, and for how long. For logs, and for debuggers (`call
// asyncpal::DumpState()`); the text may change from one version to the next.
//
// Threads: any, as for PrometheusText().
std::string DumpState();

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_OBSERVE_H_
