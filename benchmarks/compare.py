#!/usr/bin/env python3
"""Runs the benchmarks and sets ThreadPool beside its peers.

  ./bazelw run --config=opt //benchmarks:compare
  ./bazelw run --config=opt //benchmarks:compare -- round_trip --repetitions=21

Times mean little by themselves, and on a machine with few cores they change
with the hour. So all pools run in one process, their repetitions are shuffled,
and only ratios of medians are judged. When other programs run, look also at the
ratio of the fastest repetitions and at that of the CPU time of all threads.
"""

import argparse
import collections
import json
import statistics
import subprocess
import sys

OURS = "asyncpal"

# A target is a factor of a peer's number, or of the best of those whose names
# begin so, and something more; or with no peer the number itself.
Target = collections.namedtuple("Target", "factor peer more", defaults=(0,))
# Of one case and pool; `cpu` is None where it says nothing.
Numbers = collections.namedtuple("Numbers", "median fastest cpu")
Case = collections.namedtuple("Case", "name unit peers first then")

# Ours in another form, for a case that compares it with itself.
_OWN = ("asyncpal_limited", "asyncpal_of_2", "asyncpal_measured",
        "asyncpal_observed", "asyncpal_one_class", "asyncpal_high_class")
# What observation may cost beyond ours, as a part of the textbook pool's time.
_OBSERVED = {"asyncpal_measured": 0.1, "asyncpal_observed": 0.3}
_POOLS = ("naive", "onetbb", "asio", "thread_pool")
# Maps by chunks of that size, where ours finds one.
_FIXED = ("fixed_1", "fixed_8", "fixed_64", "fixed_512")
CASES = [
    Case("fire_and_forget", "ns",
         ("asyncpal_limited", "asyncpal_measured", "asyncpal_observed") + _POOLS,
         Target(0.25, "naive"), Target(0.5, "onetbb")),
    Case("four_producers", "ns", _POOLS,
         Target(0.3, "naive"), None),
    Case("many_workers", "ns", ("asyncpal_of_2", "naive"),
         Target(2, "asyncpal_of_2"), None),
    Case("backlog_1e3", "ns", ("naive",), Target(1, "naive"), None),
    Case("backlog_1e5", "ns", ("naive",), Target(1, "naive"), None),
    Case("backlog_1e7", "ns", ("naive",), Target(1, "naive"), None),
    Case("submit_collect", "ns", ("asyncpal_limited",) + _POOLS,
         Target(0.07, "naive"), Target(0.05, "naive")),
    Case("serial_posts_1", "ns", ("asio",), Target(0.7, "asio"), None),
    Case("serial_posts_1000", "ns", ("asio",), Target(0.7, "asio"), None),
    Case("posts_in_classes", "ns",
         ("asyncpal_one_class", "asyncpal_high_class"),
         Target(1, "asyncpal_one_class", 10), None),
    Case("schedule_and_cancel", "ns", ("asio",), None, None),
    Case("lateness_p50", "us", ("raw_wait",), Target(1.2, "raw_wait"), None),
    Case("lateness_p99", "us", ("raw_wait",), Target(1.2, "raw_wait"), None),
    Case("round_trip_parked", "us", _POOLS,
         Target(0.7, "naive"), None),
    Case("round_trip_back_to_back", "us", _POOLS,
         Target(0.03, "naive"), None),
    Case("fork_join", "ns", ("onetbb",),
         Target(1.0, "onetbb"), Target(0.8, "onetbb")),
    Case("fork_join_both", "ns", ("onetbb",),
         Target(0.4, "onetbb"), Target(0.25, "onetbb")),
    Case("map", "ns", ("naive", "onetbb", "openmp"),
         Target(1.03, "onetbb"), None),
    Case("small_loop", "us", ("naive", "onetbb", "openmp"),
         Target(1.5, "openmp"), None),
    Case("chunks_of_1us", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("chunks_of_100us", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("chunks_of_10ms", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("chunks_lognormal", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("chunks_fast_then_slow", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("chunks_slow_then_fast", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("chunks_one_giant", "us", _FIXED, Target(1.1, "fixed"), None),
    Case("pending_future_bytes", "", _POOLS,
         Target(96, None), None),
    Case("pending_post_bytes", "", _POOLS,
         Target(32, None), None),
    Case("idle_pool_bytes", "", (), Target(8192, None), None),
    Case("create_run_shut_down", "us", _POOLS,
         Target(0.5, "naive"), None),
    Case("idle_wakeups", "", _POOLS, Target(0, None), None),
]


def run(binary, arguments, timeout):
    """Runs the benchmarks; returns Google Benchmark's JSON, parsed."""
    try:
        process = subprocess.run(
            [binary, "--benchmark_format=json",
             "--benchmark_enable_random_interleaving=true"] + arguments,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            timeout=timeout, universal_newlines=True)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError("%s was not done in %d s; it said:\n%s" % (
            binary, timeout, error.stdout)) from error
    if process.returncode != 0:
        raise RuntimeError("%s ended with %d:\n%s" % (
            binary, process.returncode, process.stderr))
    if not process.stdout.strip():
        raise ValueError("no benchmark has a name like that")
    return json.loads(process.stdout)


def summarize(report):
    """Returns {case: {pool: Numbers}}, in nanoseconds or as counted."""
    samples = collections.defaultdict(lambda: collections.defaultdict(list))
    for entry in report["benchmarks"]:
        if entry["run_type"] != "iteration":
            continue
        if entry.get("error_occurred"):
            raise RuntimeError("%s: %s" % (
                entry["name"], entry["error_message"]))
        case, pool = entry["name"].split("/")[:2]
        cpu = None
        if "value" in entry:
            value = entry["value"]
        else:
            value = 1e9 / entry["items_per_second"]
            if "/process_time" in entry["name"]:
                cpu = value * entry["cpu_time"] / entry["real_time"]
        samples[case][pool].append((value, cpu))
    return {case: {pool: numbers(values) for pool, values in pools.items()}
            for case, pools in samples.items()}


def numbers(samples):
    values, cpus = zip(*samples)
    return Numbers(statistics.median(values), min(values),
                   None if None in cpus else statistics.median(cpus))


def met(target, pools):
    """Returns the target with yes or no, or "" where there is none."""
    if target is None:
        return ""
    if target.peer is None:
        limit, text = target.factor, "%g" % target.factor
    else:
        text = "%g x %s" % (target.factor, target.peer)
        if target.more:
            text += " + %g" % target.more
        peers = [pool for pool in pools if pool.startswith(target.peer)]
        if not peers:
            return text + ": ?"
        limit = target.more + target.factor * min(
            pools[pool].median for pool in peers)
    return "%s: %s" % (text, "yes" if pools[OURS].median <= limit else "NO")


def show(value, unit):
    value = value / 1e3 if unit == "us" else value
    return "%.4g" % value if value < 1000 else "%.0f" % value


def ratio(pools, field, peers):
    """Returns ours divided by the best of the peers, as text."""
    ours = getattr(pools[OURS], field)
    theirs = [getattr(pools[peer], field) for peer in peers if peer in pools]
    if ours is None or None in theirs or not theirs or min(theirs) == 0:
        return ""
    return "%.2f" % (ours / min(theirs))


def judges(case):
    """Returns the pools that a case is judged by."""
    if case.first is None or case.first.peer is None:
        return ["naive"]
    return [pool for pool in case.peers if pool.startswith(case.first.peer)]


def table(results):
    """Returns the lines of the table of `results`, as summarize() made them."""
    peers = ("naive", "onetbb", "asio", "thread_pool", "openmp",
             "raw_wait") + _FIXED
    known = {pool for pools in results.values() for pool in pools}
    pools_shown = (OURS,) + tuple(p for p in _OWN + peers if p in known)
    rows = [("case", "") + pools_shown +
            ("x naive", "x best", "fastest", "cpu", "first target", "then")]
    for case in CASES:
        pools = results.get(case.name, {})
        if OURS not in pools:
            continue
        rows.append(
            (case.name, case.unit) +
            tuple(show(pools[pool].median, case.unit) if pool in pools else ""
                  for pool in pools_shown) +
            (ratio(pools, "median", ["naive"]),
             ratio(pools, "median", peers),
             ratio(pools, "fastest", judges(case)),
             ratio(pools, "cpu", judges(case)),
             met(case.first, pools), met(case.then, pools)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    texts = (0, 1, len(widths) - 2, len(widths) - 1)
    return ["  ".join(cell.ljust(width) if i in texts else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))
                      ).rstrip() for row in rows]


def observation(results):
    """Returns lines on what it costs to observe a pool, and the bars."""
    pools = results.get("fire_and_forget", {})
    if OURS not in pools or "naive" not in pools:
        return []
    lines = []
    for pool, bar in _OBSERVED.items():
        if pool in pools:
            cost = ((pools[pool].median - pools[OURS].median)
                    / pools["naive"].median)
            lines.append("%s: %.2f x naive beyond %s (%g: %s)" % (
                pool, cost, OURS, bar, "yes" if cost <= bar else "NO"))
    return lines


def main():
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__.splitlines()[0])
    parser.add_argument("filter", nargs="?", default=".",
                        help="regular expression of case/pool (default: all)")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--min_time", type=float, default=0.05,
                        help="seconds of each repetition")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=600,
                        help="seconds of the whole")
    parser.add_argument("--json", help="file for Google Benchmark's report, "
                        "from which plot.py draws")
    parser.add_argument("--binary", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        report = run(options.binary, [
            "--benchmark_filter=" + options.filter,
            "--benchmark_repetitions=%d" % options.repetitions,
            "--benchmark_min_time=%g" % options.min_time,
            "--workers=%d" % options.workers,
        ], timeout=options.timeout)
        results = summarize(report)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump(report, file)
    except (RuntimeError, ValueError) as error:
        sys.exit("compare: %s" % error)
    print("\n".join(table(results) + observation(results)))
    context = report["context"]
    print("\nfastest, cpu: ratios to the peer of the target, of the fastest "
          "repetitions and of the CPU time")
    print("%d workers, %d CPUs, load %s, medians of %d" % (
        options.workers, context["num_cpus"],
        "/".join("%.1f" % load for load in context["load_avg"]),
        options.repetitions))
    if context["optimized"] != "yes":
        print("Compiled without optimization: use --config=opt.")


if __name__ == "__main__":
    main()
