#!/usr/bin/env python3
"""Ends a program with running tasks in every way: exit_test.py <program>

Each time it must end within its deadline, as it was told to, and no worker may
outlive it. Shards of the test share the ways.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

LIMIT = 60  # seconds; machines are slow. The program's own deadline is one, or
# much longer where nothing is to wait for it.
ROUNDS = 10
AT_ONCE = 5

# Way of ending, signal sent, exit codes: a signal's number is negative.
WAYS = [
    ("return", None, 7),
    ("exit", None, 7),
    ("exit-none", None, 7),
    ("task-exit", None, 7),
    ("inner-task-exit", None, 7),
    ("scheduler-task-exit", None, 7),
    ("drain", None, 7),
    ("cancel", None, 8),
    ("late-pool", None, 7),
    ("throw", None, -signal.SIGABRT),
    ("task-throw", None, -signal.SIGABRT),
    # .NET 10 leaves these to the application, which here does nothing.
    ("wait", signal.SIGTERM, -signal.SIGTERM),
    ("wait", signal.SIGINT, -signal.SIGINT),
    ("wait", signal.SIGKILL, -signal.SIGKILL),
]


def start_time(pid):
    """Tells a process from a later one with the same id; None: it has ended."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


# How the runtime compiles. It leads the entry of a method elsewhere some time after
# its first call, or at it; or compiles Environment.Exit() into its callers. A task
# that exits must be found in all of them.
COMPILERS = [
    {"DOTNET_TC_CallCountingDelayMs": "1"},
    {"DOTNET_TC_CallCountingDelayMs": "0"},
    {"DOTNET_TieredCompilation": "0"},
    {"DOTNET_ReadyToRun": "0"},
    {},
]


def run(program, way, sent, wanted, compiler):
    env = dict(os.environ, DOTNET_DbgEnableMiniDump="0", **compiler)
    process = subprocess.Popen(
        [program, way],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    worker = int(process.stdout.readline())
    born = start_time(worker)
    if sent is not None:
        process.send_signal(sent)
    begin = time.monotonic()
    try:
        _, errors = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"did not end in {LIMIT} s, with {compiler}"
    seconds = time.monotonic() - begin
    if process.returncode != wanted:
        return f"exit code {process.returncode}, not {wanted}:\n{errors}"
    deadline = time.monotonic() + 30
    while born is not None and start_time(worker) == born:
        if time.monotonic() > deadline:
            return f"worker {worker} outlived the program"
        time.sleep(0.01)
    print(f"{way} {sent or ''} ended after {seconds:.2f} s", flush=True)
    return None


def main(program):
    status = os.environ.get("TEST_SHARD_STATUS_FILE")
    if status:
        pathlib.Path(status).touch()
    shard = int(os.environ.get("TEST_SHARD_INDEX", 0))
    shards = int(os.environ.get("TEST_TOTAL_SHARDS", 1))
    # Most of the time they wait for a deadline.
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as rounds:
        errors = [
            (way, sent, rounds.submit(run, program, way, sent, wanted, compiler))
            for index, (way, sent, wanted) in enumerate(WAYS)
            if index % shards == shard
            for _ in range(ROUNDS // len(COMPILERS))
            for compiler in (COMPILERS if "task-exit" in way else [{}] * len(COMPILERS))
        ]
    failed = False
    for way, sent, error in errors:
        if error.result() is not None:
            print(f"FAILED: {way} {sent or ''}: {error.result()}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
