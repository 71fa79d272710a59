#!/usr/bin/env python3
"""Measures a process pool of Python's standard library; see process_pool.cc.

  python_pools.py futures|multiprocessing

reads lines "<measure> <count>" and answers each with a line of seconds, which
is empty if the pool has no such thing, or with a line that says what failed.
"""

import concurrent.futures
import multiprocessing
import os
import signal
import sys
import time


def nothing():
    pass


def same(x):
    return x


def work_for_ever():
    while True:
        pass


class Futures:

    def __init__(self, workers):
        self._pool = concurrent.futures.ProcessPoolExecutor(workers)

    def call(self, f, *args):
        return self._pool.submit(f, *args).result()

    def submit(self, f):
        return self._pool.submit(f)

    def collect(self, futures):
        for future in futures:
            future.result()

    def map(self, f, items, chunk):
        return list(self._pool.map(f, items, chunksize=chunk))

    def wait_for_loss(self, future):
        future.exception(timeout=50)

    def recover(self):
        # A broken executor stays broken.
        return Futures(1)

    def close(self):
        self._pool.shutdown()


class Multiprocessing:

    def __init__(self, workers):
        self._pool = multiprocessing.Pool(workers)

    def call(self, f, *args):
        return self._pool.apply(f, args)

    def submit(self, f):
        return self._pool.apply_async(f)

    def collect(self, results):
        for result in results:
            result.get()

    def map(self, f, items, chunk):
        return self._pool.map(f, items, chunksize=chunk)

    def wait_for_loss(self, result):
        pass  # nobody ever hears of it

    def recover(self):
        return self

    def close(self):
        self._pool.terminate()


def calls(f, count, pause=0):
    seconds = []
    for _ in range(5):
        f()
    for _ in range(count):
        if pause:
            time.sleep(pause)
        start = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - start)
    return seconds


def echoes(pool, size, count):
    data = b"x" * size
    seconds = calls(lambda: pool.call(same, data), count)
    return [value / (size / 2**20) for value in seconds]


def pipelined(pool, count):
    pool.collect([pool.submit(nothing) for _ in range(20)])
    start = time.perf_counter()
    pool.collect([pool.submit(nothing) for _ in range(count)])
    return [(time.perf_counter() - start) / count]


def map_all(pool, count):
    items = range(count)
    start = time.perf_counter()
    results = pool.map(same, items, 500)
    seconds = (time.perf_counter() - start) / count
    assert results == list(items)
    return [seconds]


def spawns(make, count):
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        pool = make(1)
        pool.call(nothing)
        seconds.append(time.perf_counter() - start)
        pool.close()
    return seconds


def kills(make, count, recover):
    seconds = []
    pool = make(1)
    for _ in range(count):
        worker = pool.call(os.getpid)
        lost = pool.submit(work_for_ever)
        time.sleep(0.01)
        start = time.perf_counter()
        os.kill(worker, signal.SIGKILL)
        pool.wait_for_loss(lost)
        if not recover:
            seconds.append(time.perf_counter() - start)
        old = pool
        pool = pool.recover()
        pool.call(nothing)
        if recover:
            seconds.append(time.perf_counter() - start)
        if old is not pool:
            old.close()
    pool.close()
    return seconds


def main():
    make = {"futures": Futures, "multiprocessing": Multiprocessing}[sys.argv[1]]
    # Forked before there is any other thread, as usual.
    one = make(1)
    one.call(nothing)
    two = make(2)
    two.call(nothing)
    measures = {
        "idle_call": lambda n: calls(lambda: one.call(nothing), n, 0.001),
        "call": lambda n: calls(lambda: one.call(nothing), n),
        "pipelined": lambda n: pipelined(two, n),
        "map": lambda n: map_all(two, n),
        "spawn": lambda n: spawns(make, n),
        "recover": lambda n: kills(make, n, True),
    }
    if make is Futures:
        measures["notice"] = lambda n: kills(make, n, False)
    print("ready", flush=True)
    for line in sys.stdin:
        measure, count = line.split()
        try:
            name, _, size = measure.partition("_")
            if name == "echo":
                seconds = echoes(one, int(size), int(count))
            else:
                seconds = measures.get(measure, lambda n: [])(int(count))
            print(" ".join(map(repr, seconds)), flush=True)
        except Exception as error:  # pylint: disable=broad-except
            print("%s failed: %r" % (measure, error), flush=True)
    one.close()
    two.close()


if __name__ == "__main__":
    main()
