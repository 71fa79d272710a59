#!/usr/bin/env python3
"""Has Prometheus judge what pools tell it: its checker, and a server that scrapes.

  metrics_test.py metrics

Skipped where Debian's prometheus is not installed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

_LIMIT = 120  # seconds for Prometheus to start, and for what it has to know

program = None


def get(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read().decode(), response.headers


def free_port():
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return any_socket.getsockname()[1]


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.example = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        cls.port = int(cls.example.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.example.stdin.close()
        cls.example.stdout.close()
        assert cls.example.wait(60) == 0

    def need(self, name):
        path = shutil.which(name)
        if path is None:
            self.skipTest(f"no {name}: Debian's prometheus is not installed")
        return path

    def test_the_example_answers(self):
        text, headers = get(f"http://127.0.0.1:{self.port}/metrics")
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4")
        self.assertIn("# TYPE asyncpal_tasks_total counter\n", text)

    def test_the_checker_has_nothing_to_say(self):
        promtool = self.need("promtool")
        text, _ = get(f"http://127.0.0.1:{self.port}/metrics")
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, text=True,
            capture_output=True, timeout=_LIMIT, check=False,
        )
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def query(self, server, words):
        """What Prometheus answers once it answers something."""
        url = f"{server}/api/v1/query?query={urllib.parse.quote(words)}"
        deadline = time.monotonic() + _LIMIT
        while True:
            try:
                found = json.loads(get(url)[0])["data"]["result"]
            except (urllib.error.URLError, ConnectionError):
                found = []
            if found:
                return found
            self.assertLess(time.monotonic(), deadline, f"no answer to {words}")
            time.sleep(0.2)

    def test_prometheus_scrapes_and_answers_queries(self):
        prometheus = self.need("prometheus")
        listen = f"127.0.0.1:{free_port()}"
        with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as home:
            config = os.path.join(home, "prometheus.yml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(
                    "scrape_configs:\n"
                    "  - job_name: example\n"
                    "    scrape_interval: 1s\n"
                    f"    static_configs: [{{targets: ['127.0.0.1:{self.port}']}}]\n"
                )
            server = subprocess.Popen(
                [prometheus, f"--config.file={config}",
                 f"--storage.tsdb.path={home}/data", f"--web.listen-address={listen}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            try:
                address = f"http://{listen}"
                [done] = self.query(
                    address,
                    'asyncpal_tasks_total{kind="processes",outcome="completed"}',
                )
                self.assertEqual(done["metric"]["pool"], "images")
                self.assertEqual(done["value"][1], "7")
                # Two pools of one name are told apart, and labels are unescaped.
                pools = self.query(address, "asyncpal_pool_max_workers")
                ids = {pool["metric"]["id"] for pool in pools}
                self.assertEqual(len(pools), 3)
                self.assertEqual(len(ids), 3)
                self.assertIn('a"b\\c\nd', {pool["metric"]["pool"] for pool in pools})
                [retried] = self.query(
                    address, 'sum(asyncpal_tasks_retried_total{kind="threads"})'
                )
                self.assertEqual(retried["value"][1], "1")
                [median] = self.query(
                    address,
                    "histogram_quantile(0.5, sum by (le) "
                    "(asyncpal_task_run_seconds_bucket))",
                )
                self.assertLess(float(median["value"][1]), 60)
            finally:
                server.kill()
                server.wait()


if __name__ == "__main__":
    program = os.path.abspath(sys.argv.pop(1))
    unittest.main()
