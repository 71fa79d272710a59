#!/usr/bin/env python3
"""Has speedscope show the trace of a program.

  speedscope_test.py traced_program FILE...

Skipped where there is no chromium or no npm. The files are those of speedscope.py.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import speedscope
import trace_events

_LIMIT = 120  # seconds for the program

program = None
files = None


class SpeedscopeTest(unittest.TestCase):
    def test_each_lane_has_its_name_and_is_drawn(self):
        for needed in "chromium", "npm":
            if shutil.which(needed) is None:
                self.skipTest(f"no {needed}: speedscope was not looked at")
        self.assertEqual(speedscope.unavailable(files), "")
        path = os.path.join(
            tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")), "run.json"
        )
        subprocess.run(
            [program], env=dict(os.environ, ASYNCPAL_TRACE=path), timeout=_LIMIT,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
        )
        trace = trace_events.Trace(*trace_events.load(path))
        names = trace.lanes()
        used = {piece.lane for piece in trace.slices}
        self.assertGreater(len(used), 4)
        with speedscope.Speedscope(files, path) as page:
            shown = page.lanes()
            for lane in used:
                name = names[lane].name
                tid = names[lane].tid
                self.assertEqual(
                    len([each for each in shown if f" {name} (tid {tid})" in each]), 1,
                    f"{name} ({tid}) in {shown}",
                )
            for process in {names[lane].process for lane in used}:
                self.assertTrue(any(each.startswith(process) for each in shown), process)
            first = page.picture()
            busiest = max(used, key=[piece.lane for piece in trace.slices].count)
            name = f"{names[busiest].name} (tid {names[busiest].tid})"
            page.show(name)
            self.assertIn(name, page.title())
            self.assertNotEqual(page.picture(), first)
            self.assertEqual(page.mistakes, [])


if __name__ == "__main__":
    program, *files = [os.path.abspath(path) for path in sys.argv[1:]]
    unittest.main(argv=sys.argv[:1])
