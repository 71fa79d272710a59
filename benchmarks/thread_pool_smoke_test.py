#!/usr/bin/env python3
"""Whether the benchmarks still run; how fast they are is not looked at."""

import sys
import unittest
import xml.dom.minidom

sys.path.insert(0, "benchmarks")  # Bazel starts tests in the workspace's root

import compare
import plot


class ThreadPoolSmokeTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.results = compare.summarize(compare.run(
            BINARY, ["--smoke", "--benchmark_min_time=0.0001"], timeout=50))

    def test_every_case_runs_for_its_pools(self):
        for case in compare.CASES:
            pools = set(self.results[case.name])
            # Compilers may come without OpenMP.
            self.assertEqual(pools | {"openmp"},
                             {compare.OURS, "openmp", *case.peers}, case.name)

    def test_compare_knows_every_case(self):
        self.assertEqual(set(self.results), {c.name for c in compare.CASES})

    def test_the_table_has_a_row_for_each_case(self):
        rows = compare.table(self.results)[1:]
        self.assertEqual([row.split()[0] for row in rows],
                         [case.name for case in compare.CASES])

    def test_the_plot_has_a_bar_for_each_pool_of_a_case_with_peers(self):
        context = {"date": "2026-11-29T12:00:00", "num_cpus": 2,
                   "load_avg": [0.5]}
        image = plot.draw(self.results, context)
        xml.dom.minidom.parseString(image)
        for case in compare.CASES:
            pools = self.results[case.name]
            if plot.base_of(pools) is not None:
                self.assertIn(">%s</text>" % case.name, image)
        self.assertNotIn(">idle_pool_bytes<", image)

    def test_a_target_is_met_at_its_limit(self):
        pools = {compare.OURS: compare.numbers([(90, None)]),
                 "naive": compare.numbers([(100, None)])}
        target = compare.Target
        self.assertEqual(compare.met(target(0.9, "naive"), pools),
                         "0.9 x naive: yes")
        self.assertEqual(compare.met(target(0.5, "naive"), pools),
                         "0.5 x naive: NO")
        self.assertEqual(compare.met(target(96, None), pools), "96: yes")
        self.assertEqual(compare.met(target(3, "openmp"), pools),
                         "3 x openmp: ?")

    def test_a_target_is_the_best_of_several_and_something_more(self):
        pools = {compare.OURS: compare.numbers([(90, None)]),
                 "fixed_1": compare.numbers([(100, None)]),
                 "fixed_8": compare.numbers([(80, None)])}
        target = compare.Target
        self.assertEqual(compare.met(target(1, "fixed"), pools),
                         "1 x fixed: NO")
        self.assertEqual(compare.met(target(1, "fixed", 10), pools),
                         "1 x fixed + 10: yes")

    def test_observation_is_judged_by_what_it_adds(self):
        def fixed(**pools):
            return {"fire_and_forget": {
                name: compare.numbers([(value, None)])
                for name, value in pools.items()}}
        self.assertEqual(
            compare.observation(fixed(asyncpal=20, asyncpal_measured=30,
                                      asyncpal_observed=51, naive=100)),
            ["asyncpal_measured: 0.10 x naive beyond asyncpal (0.1: yes)",
             "asyncpal_observed: 0.31 x naive beyond asyncpal (0.3: NO)"])
        self.assertEqual(compare.observation(fixed(asyncpal=20, naive=100)), [])
        self.assertEqual(len(compare.observation(self.results)), 2)

    def test_an_unknown_argument_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, "--wrokers=2"):
            compare.run(BINARY, ["--wrokers=2"], timeout=50)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
