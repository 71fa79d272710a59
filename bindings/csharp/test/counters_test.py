#!/usr/bin/env python3
"""Has dotnet-counters collect what a program's pools count.

  counters_test.py DOTNET PROGRAM FILE...

The files are those of the tool, and an error.txt, which says why there are none.
"""

import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

LIMIT = 90  # seconds; machines are slow

WANTED = [
    "asyncpal.pool.worker.count",
    "asyncpal.pool.worker.max",
    "asyncpal.pool.worker.min",
    "asyncpal.pool.paused",
    "asyncpal.pool.worker.started",
    "asyncpal.pool.task.count",
    "asyncpal.pool.task.oldest_pending",
    "asyncpal.pool.task.submitted",
    "asyncpal.pool.task.done",
    "asyncpal.pool.task.expired",
    "asyncpal.pool.task.wait.duration",
    "asyncpal.pool.task.run.duration",
]


def missing(text):
    """Which of the instruments the pool has no series of."""
    lines = [line for line in text.splitlines() if "counted" in line]
    return [name for name in WANTED if not any(name in line for line in lines)]


def main():
    dotnet, program, *files = sys.argv[1:]
    error = next(pathlib.Path(f) for f in files if f.endswith("/error.txt"))
    if error.read_text():
        sys.exit("dotnet-counters can't be had: " + error.read_text())
    tool = next(f for f in files if f.endswith("/dotnet-counters.dll"))

    folder = tempfile.mkdtemp(dir="/tmp")  # the names of sockets are short
    env = dict(os.environ, TMPDIR=folder, DOTNET_ROLL_FORWARD="LatestMajor")
    watched = subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True
    )
    try:
        pid = watched.stdout.readline().strip()
        out = pathlib.Path(folder, "counters.csv")
        collector = subprocess.Popen(
            [dotnet, "exec", tool, "collect", "--process-id", pid, "--counters",
             "Asyncpal", "--format", "csv", "--output", str(out),
             "--refresh-interval", "1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=env, text=True,
        )
        try:
            until = time.monotonic() + LIMIT
            while time.monotonic() < until and collector.poll() is None:
                if out.exists() and not missing(out.read_text()):
                    break
                time.sleep(0.2)
            watched.stdin.close()  # it ends, and so does what watches it
            said, _ = collector.communicate(timeout=LIMIT)
        finally:
            collector.kill()
    finally:
        watched.kill()
        watched.wait()
    text = out.read_text() if out.exists() else ""
    lost = missing(text)
    if lost:
        sys.exit(f"it has no {lost}; it said:\n{said}\n{text}")
    rows = list(csv.reader(text.splitlines()))
    most = max(float(row[4]) for row in rows[1:] if "worker.max" in row[2])
    if most != 2:
        sys.exit(f"the most workers are {most}:\n{text}")


if __name__ == "__main__":
    main()
