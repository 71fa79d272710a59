"""Loads every page of a site in a headless Chromium, and says what goes wrong.

That is a script that throws, a file that is not there, an error in the console,
or a request to another host. Needs Debian's chromium.
"""

import collections
import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

# Seconds for one step of the browser. Machines are slow.
_LIMIT = 120
# Pages that load at the same time.
_TABS = 4

_FLAGS = [
    "--headless",
    "--no-sandbox",  # what it loads is ours, and CI is root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    # All tabs but one are in the background, where a timer takes a second.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--no-first-run",
    "--remote-debugging-pipe",
]


class Browser:
    """Chromium's DevTools protocol: messages that end with a zero byte."""

    def __init__(self, program, home, flags=()):
        read_end, self._to = os.pipe()
        self._from, write_end = os.pipe()
        # The browser has them as 3 and 4, whatever they are here.
        command = ["sh", "-c", f'exec "$@" 3<&{read_end} 4>&{write_end}', "sh"]
        self._process = subprocess.Popen(
            [*command, program, *_FLAGS, *flags, f"--user-data-dir={home}"],
            pass_fds=[read_end, write_end],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        self._bytes = b""
        self._last_id = 0
        self._events = collections.deque()

    def _read(self):
        # A browser that hangs is killed, which ends the pipe.
        timer = threading.Timer(_LIMIT, self._process.kill)
        timer.start()
        try:
            while b"\0" not in self._bytes:
                more = os.read(self._from, 1 << 16)
                if not more:
                    sys.exit(f"load_pages: Chromium ended, or hung for {_LIMIT} s")
                self._bytes += more
        finally:
            timer.cancel()
        message, _, self._bytes = self._bytes.partition(b"\0")
        return json.loads(message)

    def send(self, method, session=None, **parameters):
        """Calls a method, and returns the number of the call."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        return self._last_id

    def call(self, method, session=None, **parameters):
        """Calls a method, and returns its result."""
        number = self.send(method, session, **parameters)
        while True:
            message = self._read()
            if message.get("id") == number:
                if "error" in message:
                    sys.exit(f"load_pages: {method}: {message['error']}")
                return message["result"]
            if "method" in message:
                self._events.append(message)

    def open_tab(self):
        """Returns the session of a new tab, which tells all that goes wrong in it."""
        target = self.call("Target.createTarget", url="about:blank")
        session = self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True,
        )["sessionId"]
        for domain in "Network", "Runtime", "Log", "Page":
            self.call(domain + ".enable", session)
        return session

    def evaluate(self, session, expression):
        """Returns the value of an expression in a tab's page."""
        result = self.call(
            "Runtime.evaluate", session,
            expression=expression, returnByValue=True, awaitPromise=True,
        )
        return result["result"].get("value")

    def take_events(self):
        """Returns those that have come."""
        events = list(self._events)
        self._events.clear()
        return events

    def next_event(self):
        while not self._events:
            message = self._read()
            if "method" in message:
                self._events.append(message)
        return self._events.popleft()

    def add_event(self, event):
        """Has next_event() return it, after those that there are already."""
        self._events.append(event)

    def close(self):
        self._process.kill()
        self._process.wait()


class _Files(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        # Browsers ask for it where no page names one.
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


def serve(folder):
    """Returns a server of the folder's files, and its origin."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Files, directory=folder)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def mistake_of(event, origin):
    """What an event tells that should not be, or None."""
    data = event["params"]
    if event["method"] == "Network.requestWillBeSent":
        url = data["request"]["url"]
        parts = urllib.parse.urlparse(url)
        if parts.scheme in ("http", "https", "ws", "wss"):
            if f"{parts.scheme}://{parts.netloc}" != origin:
                return f"asks {url}"
    elif event["method"] == "Network.responseReceived":
        response = data["response"]
        if response["status"] >= 400:
            return f"gets {response['status']} for {response['url']}"
    elif event["method"] == "Runtime.exceptionThrown":
        details = data["exceptionDetails"]
        thrown = details.get("exception", {}).get("description", "")
        return f"throws: {details['text']} {thrown}".strip()
    elif event["method"] == "Log.entryAdded":
        entry = data["entry"]
        if entry["level"] == "error":
            return f"has an error: {entry['text']} {entry.get('url', '')}".strip()
    return None


def check(folder):
    """Returns sentences on what goes wrong, and the number of pages."""
    pages = sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(".html")
    )
    server, origin = serve(folder)
    mistakes = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        browser = Browser(shutil.which("chromium"), home)
        try:
            waiting = collections.deque(pages)
            showing = {}
            for _ in range(min(_TABS, len(pages))):
                showing[browser.open_tab()] = None

            def show_next(session):
                showing[session] = waiting.popleft() if waiting else None
                if showing[session]:
                    url = f"{origin}/{urllib.parse.quote(showing[session])}"
                    browser.send("Page.navigate", session, url=url)

            for session in showing:
                show_next(session)
            while any(showing.values()):
                event = browser.next_event()
                page = showing.get(event.get("sessionId"))
                if page is None:
                    continue
                mistake = mistake_of(event, origin)
                if mistake:
                    mistakes[f"{page} {mistake}"] = True
                if event["method"] == "Page.loadEventFired":
                    # Once more after what the page does when it has loaded.
                    browser.call(
                        "Runtime.evaluate", event["sessionId"],
                        expression="new Promise(done => setTimeout(done, 50))",
                        awaitPromise=True,
                    )
                    browser.add_event(dict(event, method="over"))
                elif event["method"] == "over":
                    show_next(event["sessionId"])
        finally:
            browser.close()
            server.shutdown()
    return list(mistakes), len(pages)
