#!/usr/bin/env python3
"""Drives the service over loopback: service_test.py <program>"""

import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

LIMIT = 60  # seconds


def get(url):
    """Returns status and text."""
    try:
        with urllib.request.urlopen(url, timeout=LIMIT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def check(service):
    base = None
    for line in service.stdout:
        found = re.search(r"Now listening on: (http://\S+)", line)
        if found:
            base = found.group(1)
            break
    assert base, "the service does not listen"

    assert get(base + "/fib/20") == (200, "6765\n")
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        good = [clients.submit(get, base + "/fib/22") for _ in range(20)]
        bad = [clients.submit(get, base + "/crash") for _ in range(2)]
        good += [clients.submit(get, base + "/fib/22") for _ in range(20)]
        for answer in bad:
            status, text = answer.result()
            assert status == 503 and "signal 6" in text, (status, text)
        for answer in good:
            assert answer.result() == (200, "17711\n"), answer.result()
    status, text = get(base + "/stats")
    assert status == 200 and '"lost":2' in text, text


def main(program):
    service = subprocess.Popen(
        [program, "--urls", "http://127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, DOTNET_DbgEnableMiniDump="0"),
    )
    try:
        check(service)
        service.send_signal(signal.SIGTERM)
        code = service.wait(LIMIT)
        assert code == 0, f"ended with {code}"
    finally:
        service.kill()


if __name__ == "__main__":
    main(sys.argv[1])
