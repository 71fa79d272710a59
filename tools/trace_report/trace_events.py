"""What a trace of asyncpal::Trace has to tell: slices, waits, workers' ends."""

import collections
import json

# A run of a task. Times are in microseconds since the trace began; `wait` is
# None where the submission is not in the trace, and for later attempts.
Slice = collections.namedtuple(
    "Slice", "lane depth start end name id pool attempt outcome wait"
)
Lane = collections.namedtuple("Lane", "pid tid process name")
Instant = collections.namedtuple("Instant", "lane time name why")


class TraceError(Exception):
    """A file that is no such trace, and why."""


def load(path):
    """The events of a file, and whether it is complete."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text), True
    except json.JSONDecodeError:
        pass
    # A trace that was cut off ends inside of an event, each of which is a line.
    lines = text.split("\n")
    if lines[0] != "[":
        raise TraceError(f"{path} is no trace: it does not begin with [")
    while len(lines) > 1:
        try:
            return json.loads("\n".join(lines).rstrip().rstrip(",") + "]"), False
        except json.JSONDecodeError:
            lines.pop()
    return [], False


class Trace:
    """Reads events in their order; what does not fit is in `mistakes`."""

    def __init__(self, events, is_complete=True):
        self.slices = []
        self.instants = []
        self.mistakes = []
        self.is_complete = is_complete
        self.end = 0.0
        self._lanes = {}
        self._processes = {}
        self._threads = {}
        self._open = collections.defaultdict(list)
        self._waits = {}
        self._waited = {}
        self._flows = {}
        self._targets = set()
        self._last = 0.0
        if not isinstance(events, list):
            raise TraceError("a trace is an array of events")
        for number, event in enumerate(events, 1):
            try:
                self._read(event)
            except (KeyError, TypeError, ValueError) as error:
                raise TraceError(f"event {number} is damaged: {error!r}") from error
        for stack in self._open.values():
            for entry in reversed(stack):
                if is_complete:
                    self._wrong(f"the slice {entry['name']!r} has no end")
                self._close(entry, self.end, "cut off")
        for number in self._waits:
            if is_complete:
                self._wrong(f"the wait {number} has no end")

    def lanes(self):
        """All of them, by number."""
        return [
            Lane(pid, tid, self._processes.get(pid, str(pid)),
                 self._threads.get((pid, tid), str(tid)))
            for pid, tid in self._lanes
        ]

    def _wrong(self, what):
        self.mistakes.append(what)

    def _lane(self, event):
        return self._lanes.setdefault((event["pid"], event["tid"]), len(self._lanes))

    def _read(self, event):
        phase = event["ph"]
        if phase == "M":
            name = event["args"]["name"]
            if event["name"] == "process_name":
                self._processes[event["pid"]] = name
            elif event["name"] == "thread_name":
                self._threads[event["pid"], event["tid"]] = name
            return
        time = float(event["ts"])
        if time < self._last:
            self._wrong(f"an event at {time} comes after one at {self._last}")
        self._last = time
        self.end = max(self.end, time)
        handle = getattr(self, f"_on_{phase}", None)
        if handle is None:
            self._wrong(f"an event has the phase {phase!r}")
        else:
            handle(event, time)

    def _on_X(self, event, _):
        self._lane(event)
        event["dur"]  # the slice that a flow begins in

    def _on_B(self, event, time):
        lane = self._lane(event)
        stack = self._open[lane]
        stack.append({
            "lane": lane, "depth": len(stack), "start": time,
            "name": event["name"], "id": event["args"]["id"],
            "pool": event["args"]["pool"], "attempt": event["args"]["attempt"],
            "wait": None,
        })

    def _on_E(self, event, time):
        stack = self._open[self._lane(event)]
        if not stack:
            self._wrong(f"a slice ends at {time} that has not begun")
            return
        entry = stack.pop()
        if event["name"] != entry["name"]:
            self._wrong(f"{event['name']!r} ends where {entry['name']!r} runs")
        self._close(entry, time, event["args"]["outcome"])

    def _close(self, entry, end, outcome):
        self.slices.append(Slice(end=end, outcome=outcome, **entry))

    def _on_b(self, event, time):
        number = int(event["id"], 16)
        if number in self._waits or number in self._waited:
            self._wrong(f"the wait {number} begins twice")
        self._waits[number] = time

    def _on_e(self, event, time):
        number = int(event["id"], 16)
        if number not in self._waits:
            self._wrong(f"the wait {number} ends, and has not begun")
            return
        self._waited[number] = time - self._waits.pop(number)

    def _on_s(self, event, time):
        if event["id"] in self._flows:
            self._wrong(f"the flow {event['id']} begins twice")
        self._flows[event["id"]] = time

    def _on_f(self, event, time):
        number = event["id"]
        if number not in self._flows:
            self._wrong(f"the flow {number} ends, and has not begun")
        if number in self._targets:
            self._wrong(f"the flow {number} ends twice")
        self._targets.add(number)
        stack = self._open[self._lane(event)]
        if not stack:
            self._wrong(f"the flow {number} ends at {time} outside of all slices")
        else:
            stack[-1]["wait"] = self._waited.get(number)

    def _on_i(self, event, time):
        self.instants.append(Instant(
            self._lane(event), time, event["name"], event["args"].get("why", "")
        ))
