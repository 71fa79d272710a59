#!/usr/bin/env python3
"""Runs a program with a trace, and checks the trace and the page made of it.

  trace_test.py traced_program
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

import trace_events
import trace_report

_LIMIT = 120  # seconds for one run

program = None


def run(arguments=(), trace=None, file_limit=None):
    """What the program has said, of which the result is known."""
    environment = {k: v for k, v in os.environ.items() if k != "ASYNCPAL_TRACE"}
    if trace:
        environment["ASYNCPAL_TRACE"] = trace
    limit = None
    if file_limit:
        limit = lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (file_limit, file_limit)
        )
    return subprocess.run(
        [program, *arguments], env=environment, preexec_fn=limit, timeout=_LIMIT,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )


class TraceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        cls.path = os.path.join(cls.folder, "run.json")
        cls.ended = run(trace=cls.path)
        cls.events, cls.is_complete = trace_events.load(cls.path)
        cls.trace = trace_events.Trace(cls.events, cls.is_complete)

    def assert_unharmed(self, ended):
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(ended.stdout, "done 4950\n")

    def runs_of(self, name):
        return [piece for piece in self.trace.slices if piece.name == name]

    def test_the_program_does_not_notice(self):
        self.assert_unharmed(self.ended)
        self.assertEqual(self.ended.stderr, "")

    def test_is_well_formed_nests_and_its_flows_match(self):
        self.assertTrue(self.is_complete)
        self.assertEqual(self.trace.mistakes, [])
        with open(self.path, encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)), len(self.events))

    def test_each_run_is_a_slice_with_a_wait_and_a_flow(self):
        self.assertEqual(len(self.runs_of('double "it"')), 20)
        for piece in self.trace.slices:
            if piece.attempt == 1:
                self.assertIsNotNone(piece.wait, piece)
                self.assertGreaterEqual(piece.wait, 0)
            self.assertGreaterEqual(piece.end, piece.start)

    def test_posted_calls_groups_and_forks_are_there(self):
        # 20 + outer and inner + fails + 2000 posts + 10 of the group + the
        # map's + the sum's first + late: and the sum's forks.
        of_threads = [p for p in self.trace.slices if p.pool == "threads"]
        self.assertGreater(len(of_threads), 2040)

    def test_a_task_inside_of_anothers_wait_is_inside_its_slice(self):
        [outer], [inner] = self.runs_of("outer"), self.runs_of("inner")
        if inner.lane == outer.lane:
            self.assertEqual(inner.depth, outer.depth + 1)
        self.assertLessEqual(outer.start, inner.start)
        self.assertLessEqual(inner.end, outer.end)

    def test_outcomes_are_told(self):
        self.assertEqual([p.outcome for p in self.runs_of("fails")], ["failed"])
        self.assertEqual([p.outcome for p in self.runs_of("late")], ["failed"])
        self.assertEqual([p.outcome for p in self.runs_of("killed")], ["cancelled"])
        self.assertEqual(self.runs_of("cancelled"), [])

    def test_each_attempt_is_a_run_on_a_lane_of_its_own(self):
        first, second = self.runs_of("dies once")
        self.assertEqual([first.attempt, second.attempt], [1, 2])
        self.assertEqual([first.outcome, second.outcome], ["lost", "completed"])
        self.assertNotEqual(first.lane, second.lane)

    def test_each_worker_has_a_lane_and_processes_are_named(self):
        lanes = self.trace.lanes()
        used = {piece.lane for piece in self.trace.slices if piece.pool == "threads"}
        for lane in used:
            self.assertRegex(lanes[lane].name, r"^threads-worker-\d+$")
        processes = {p.lane for p in self.trace.slices if p.pool == "processes"}
        self.assertGreaterEqual(len(processes), 3)
        for lane in processes:
            self.assertEqual(lanes[lane].pid, lanes[lane].tid)
            self.assertRegex(
                lanes[lane].process, r"^processes-worker-\d+ of pool 'processes'$"
            )

    def test_deaths_and_kills_are_instants(self):
        whys = " ".join(instant.why for instant in self.trace.instants)
        self.assertRegex(whys, r"was killed by signal 9")
        self.assertRegex(whys, r"it was killed\b")

    def test_starts_and_stops_amid_pools(self):
        path = os.path.join(self.folder, "amid.json")
        self.assert_unharmed(run([path]))
        trace = trace_events.Trace(*trace_events.load(path))
        self.assertEqual(trace.mistakes, [])
        names = [piece.name for piece in trace.slices]
        self.assertEqual(names.count('double "it"'), 20)

    def test_a_full_disk_ends_the_trace_with_one_line(self):
        ended = run(trace="/dev/full")
        self.assert_unharmed(ended)
        [line] = ended.stderr.splitlines()
        self.assertIn("/dev/full", line)

    def test_a_limit_on_files_ends_the_trace_with_one_line(self):
        path = os.path.join(self.folder, "limited.json")
        ended = run(trace=path, file_limit=20_000)
        self.assert_unharmed(ended)
        [line] = ended.stderr.splitlines()
        self.assertIn("limited.json", line)
        self.assertLessEqual(os.path.getsize(path), 20_000)
        # What there is can be read.
        events, is_complete = trace_events.load(path)
        self.assertFalse(is_complete)
        trace = trace_events.Trace(events, is_complete)
        self.assertEqual(trace.mistakes, [])

    def test_a_path_that_cant_be_written_is_a_message(self):
        ended = run(trace="/nowhere/run.json")
        self.assert_unharmed(ended)
        self.assertIn("/nowhere/run.json", ended.stderr)

    def test_the_checker_finds_what_is_wrong(self):
        for damage, expected in (
            (lambda events: [e for e in events if e["ph"] != "E"], "has no end"),
            (lambda events: [e for e in events if e["ph"] != "B"], "has not begun"),
            (lambda events: [e for e in events if e["ph"] != "s"], "the flow"),
            (lambda events: [e for e in events if e["ph"] != "e"], "the wait"),
            (lambda events: events[:1] + events[:0:-1], "comes after"),
            (lambda events: [
                dict(e, name="x") if e["ph"] == "E" else e for e in events
            ], "ends where"),
        ):
            found = trace_events.Trace(damage(self.events)).mistakes
            self.assertTrue(any(expected in what for what in found), expected)

    def test_the_page_has_all_it_needs_inside(self):
        page = os.path.join(self.folder, "site", "run.html")
        os.mkdir(os.path.dirname(page))
        trace_report.main([self.path, page])
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertNotRegex(text, r"(src|href)=\"(?!data:)")
        for title in "Timeline", "Utilisation", "Wait against run", "Slowest tasks":
            self.assertIn(f"<h2>{title}</h2>", text)
        # In the script as JSON has it. Not assertIn, which would print the page.
        self.assertTrue('"double \\"it\\""' in text)
        slowest = text.split("<h2>Slowest tasks</h2>")[1].split("<h2>")[0]
        self.assertEqual(len(re.findall("<tr><td>", slowest)), 25)
        if shutil.which("chromium") is None:
            print("no chromium: the page was not looked at", file=sys.stderr)
            return
        sys.path.append(os.path.join(os.path.dirname(__file__), "../../docs/generator"))
        import load_pages  # pylint: disable=import-outside-toplevel
        mistakes, pages = load_pages.check(os.path.dirname(page))
        self.assertEqual((mistakes, pages), ([], 1))

    def test_a_file_that_is_no_trace_is_refused_by_name(self):
        path = os.path.join(self.folder, "other.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"a": 1}')
        with self.assertRaisesRegex(SystemExit, "array of events"):
            trace_report.main([path, path + ".html"])
        with self.assertRaisesRegex(SystemExit, "the trace itself"):
            trace_report.main([self.path, self.path])


if __name__ == "__main__":
    program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
