#!/usr/bin/env python3
"""Makes one HTML page of a trace, with all that it needs inside.

  ./bazelw run //tools/trace_report -- run.json [run.html]

The trace is one of asyncpal::Trace, or of a program that was started with
ASYNCPAL_TRACE=run.json. The page has a timeline to zoom into, how busy the workers
were, the slowest tasks, and how long tasks waited against how long they ran.
"""

import html
import json
import os
import sys

import trace_events

# More would not be seen.
_MAX_POINTS = 4000
_SLOWEST = 25
_BUCKETS = 240


def _duration(micros):
    for unit, size in ("s", 1e6), ("ms", 1e3):
        if micros >= size:
            return f"{micros / size:.3g} {unit}"
    return f"{micros:.3g} µs"


def _quantile(values, part):
    return values[min(int(part * len(values)), len(values) - 1)] if values else 0


def _utilisation(trace, lanes):
    """How many of the lanes are busy, on average, in each part of the time."""
    width = trace.end / _BUCKETS or 1
    busy = [0.0] * _BUCKETS
    for piece in trace.slices:
        if piece.depth > 0:
            continue
        first = min(int(piece.start / width), _BUCKETS - 1)
        last = min(int(piece.end / width), _BUCKETS - 1)
        for bucket in range(first, last + 1):
            begin = max(piece.start, bucket * width)
            end = min(piece.end, (bucket + 1) * width)
            busy[bucket] += max(end - begin, 0) / width
    return [round(min(value, len(lanes)), 3) for value in busy]


def _table(head, rows):
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        cells = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "<table>" + "\n".join(lines) + "</table>"


def make_page(trace, title):
    """The page, of a Trace."""
    all_lanes = trace.lanes()
    used = sorted({piece.lane for piece in trace.slices})
    position = {lane: i for i, lane in enumerate(used)}
    slices = sorted(trace.slices, key=lambda piece: piece.start)
    first = [piece for piece in slices if piece.wait is not None]
    runs = sorted(piece.end - piece.start for piece in slices)
    waits = sorted(piece.wait for piece in first)
    busy = _utilisation(trace, used)
    names, outcomes = {}, {}
    data = {
        "end": trace.end,
        "lanes": [
            f"{all_lanes[lane].name}"
            + (f" ({all_lanes[lane].pid})"
               if all_lanes[lane].tid == all_lanes[lane].pid else "")
            for lane in used
        ],
        # lane, depth, start, length, name, outcome, id, wait
        "slices": [
            [position[piece.lane], piece.depth, round(piece.start, 3),
             round(piece.end - piece.start, 3),
             names.setdefault(piece.name, len(names)),
             outcomes.setdefault(piece.outcome, len(outcomes)), piece.id,
             None if piece.wait is None else round(piece.wait, 3)]
            for piece in slices
        ],
        "busy": busy,
        "points": [
            [round(piece.wait, 3), round(piece.end - piece.start, 3)]
            for piece in first[:: max(len(first) // _MAX_POINTS, 1)]
        ],
        "instants": [
            [position.get(instant.lane, -1), instant.time, instant.name, instant.why]
            for instant in trace.instants
        ],
    }
    data["names"] = list(names)
    data["outcomes"] = list(outcomes)
    average = sum(busy) / len(busy)
    facts = [
        ("length", _duration(trace.end)),
        ("runs of tasks", f"{len(slices)}"),
        ("workers", f"{len(used)}"),
        ("busy workers, on average", f"{average:.2f}"),
        ("wait: median / 99 % / longest", " / ".join(
            _duration(_quantile(waits, part)) for part in (0.5, 0.99, 1))),
        ("run: median / 99 % / longest", " / ".join(
            _duration(_quantile(runs, part)) for part in (0.5, 0.99, 1))),
    ]
    if not trace.is_complete:
        facts.append(("note", "the file was cut off"))
    slowest = sorted(slices, key=lambda piece: piece.start - piece.end)[:_SLOWEST]
    ends = [instant for instant in trace.instants if instant.why]
    parts = {
        "TITLE": html.escape(title),
        "FACTS": _table(("", ""), facts).replace("<tr><th></th><th></th></tr>", ""),
        "SLOWEST": _table(
            ("task", "pool", "id", "outcome", "ran", "had waited", "from", "worker"),
            [
                (piece.name, piece.pool, piece.id, piece.outcome,
                 _duration(piece.end - piece.start),
                 "" if piece.wait is None else _duration(piece.wait),
                 _duration(piece.start), all_lanes[piece.lane].name)
                for piece in slowest
            ],
        ),
        "ENDS": _table(
            ("at", "worker", "why it ended"),
            [
                (_duration(instant.time), all_lanes[instant.lane].name, instant.why)
                for instant in ends
            ],
        ) if ends else "<p>None has ended.</p>",
        # No text of the trace's ends the script.
        "DATA": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "page.html"), encoding="utf-8") as file:
        pieces = file.read().split("%%")
    return "".join(
        parts[piece] if i % 2 else piece for i, piece in enumerate(pieces)
    )


def main(words):
    # Where `bazel run` was called.
    os.chdir(os.environ.get("BUILD_WORKING_DIRECTORY", "."))
    if not 1 <= len(words) <= 2 or words[0].startswith("-"):
        sys.exit(__doc__)
    source = words[0]
    target = words[1] if len(words) > 1 else os.path.splitext(source)[0] + ".html"
    if os.path.abspath(source) == os.path.abspath(target):
        sys.exit(f"trace_report: {target} is the trace itself")
    try:
        trace = trace_events.Trace(*trace_events.load(source))
        page = make_page(trace, os.path.basename(source))
        with open(target, "w", encoding="utf-8") as file:
            file.write(page)
    except (OSError, UnicodeDecodeError, trace_events.TraceError) as error:
        sys.exit(f"trace_report: {error}")
    for mistake in trace.mistakes:
        print(f"trace_report: {mistake}", file=sys.stderr)
    print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
