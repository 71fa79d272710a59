#!/usr/bin/env python3
"""Whether the benchmark of process pools still runs, at whatever speed."""

import subprocess
import sys
import unittest


def run(*arguments):
    return subprocess.run(
        [BINARY, "--smoke", "--rounds=1"] + list(arguments),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50,
        universal_newlines=True)


class ProcessPoolSmokeTest(unittest.TestCase):

    def test_every_case_runs_for_its_pools(self):
        process = run("--python=" + SCRIPT)
        self.assertEqual(process.returncode, 0, process.stdout)
        lines = process.stdout.split("\n\n")[0].splitlines()
        self.assertEqual(len(lines), 16, process.stdout)
        pools = ["asyncpal", "socket", "futures", "multiprocessing"]
        ends = {pool: lines[0].index(pool) + len(pool) for pool in pools}
        for line in lines[1:]:
            measured = [p for p in pools if line[ends[p] - 1:ends[p]].strip()]
            missing = {"map": "socket", "not": "multiprocessing"}.get(line[:3])
            self.assertEqual(measured, [p for p in pools if p != missing], line)

    def test_without_python_the_rest_runs(self):
        process = run("--python=/no/such/file", "call, idle")
        self.assertEqual(process.returncode, 0, process.stdout)
        self.assertIn("Without Python's pools: ", process.stdout)
        self.assertRegex(process.stdout, r"(?m)^call, idle .* futures: \?$")

    def test_an_unknown_argument_is_refused(self):
        process = run("--ronuds=2")
        self.assertEqual(process.returncode, 1)
        self.assertIn("--ronuds=2", process.stdout)


if __name__ == "__main__":
    SCRIPT = sys.argv.pop()
    BINARY = sys.argv.pop()
    unittest.main()
