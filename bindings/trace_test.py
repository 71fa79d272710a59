#!/usr/bin/env python3
"""Runs a program of a host language with a trace, and checks the trace.

  trace_test.py TRACE_EVENTS PROGRAM

The first is the module that reads traces; what the program does is told by its
source, TracedProgram.
"""

import collections
import os
import subprocess
import sys
import tempfile
import unittest

_LIMIT = 120  # seconds for one run

program = None
trace_events = None


def run(arguments=(), trace=None):
    environment = {k: v for k, v in os.environ.items() if k != "ASYNCPAL_TRACE"}
    if trace:
        environment["ASYNCPAL_TRACE"] = trace
    return subprocess.run(
        [program, *arguments], env=environment, timeout=_LIMIT,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )


class TraceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        self.path = os.path.join(folder, "run.json")

    def assert_unharmed(self, ended):
        self.assertEqual((ended.returncode, ended.stdout), (0, "done\n"), ended.stderr)

    def check_runs(self):
        events, is_complete = trace_events.load(self.path)
        self.assertTrue(is_complete)
        trace = trace_events.Trace(events, is_complete)
        self.assertEqual(trace.mistakes, [])
        names = collections.Counter(piece.name for piece in trace.slices)
        self.assertEqual((names["double"], names["remote"]), (20, 1), names)
        # 100 without names, two that nest and the map's, beside those 20.
        of_threads = [
            piece for piece in trace.slices
            if piece.pool == "threads" and piece.wait is not None
        ]
        self.assertGreaterEqual(len(of_threads), 123)
        ids = collections.Counter(
            piece.id for piece in trace.slices if piece.pool == "threads"
        )
        self.assertEqual([one for one, count in ids.items() if count > 1], [])
        lanes = trace.lanes()
        for piece in of_threads:
            self.assertRegex(lanes[piece.lane].name, r"^threads-worker-\d+$")
        [remote] = [piece for piece in trace.slices if piece.name == "remote"]
        self.assertRegex(
            lanes[remote.lane].process, r"^processes-worker-\d+ of pool 'processes'$"
        )
        lost = [piece for piece in trace.slices if piece.outcome == "lost"]
        self.assertEqual([piece.pool for piece in lost], ["processes"])
        whys = " ".join(instant.why for instant in trace.instants)
        self.assertIn("exited with code 42", whys)
        return trace

    def test_environment_traces_a_whole_program(self):
        ended = run(trace=self.path)
        self.assert_unharmed(ended)
        self.assertEqual(ended.stderr, "")
        self.check_runs()

    def test_program_traces_what_comes_between_start_and_stop(self):
        self.assert_unharmed(run([self.path]))
        trace = self.check_runs()
        self.assertNotIn("afterwards", [piece.name for piece in trace.slices])

    def test_path_in_the_environment_that_cant_be_written_is_a_message(self):
        ended = run(trace="/nowhere/run.json")
        self.assert_unharmed(ended)
        self.assertIn("/nowhere/run.json", ended.stderr)

    def test_full_disk_ends_the_trace_and_nothing_else(self):
        ended = run(trace="/dev/full")
        self.assert_unharmed(ended)
        self.assertIn("the trace in '/dev/full' is not complete", ended.stderr)


if __name__ == "__main__":
    module = sys.argv.pop(1)
    program = os.path.abspath(sys.argv.pop(1))
    sys.path.insert(0, os.path.dirname(os.path.abspath(module)))
    import trace_events  # pylint: disable=import-outside-toplevel
    unittest.main()
