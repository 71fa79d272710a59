#!/usr/bin/env python3
"""Draws what compare.py has measured, as an SVG.

  ./bazelw run --config=opt //benchmarks:compare -- --json=/tmp/report.json
  benchmarks/plot.py /tmp/report.json docs/benchmarks_threads.svg

For each case a bar for each pool: its median as a factor of the textbook
pool's, or of oneTBB's where that has no such case. Shorter is better; ours is
the dark one.
"""

import json
import sys

import compare

_WIDTH = 760
_LEFT = 190
_BAR = 13
_GAP = 12
_MOST = 3.0  # times the base; longer bars are cut
_COLOURS = {compare.OURS: "#1f4e79", "naive": "#b0b0b0", "onetbb": "#d98f4e",
            "asio": "#9bbf85", "thread_pool": "#c9a6c9", "openmp": "#7fb2c9",
            "asyncpal_limited": "#8fb3c9", "asyncpal_of_2": "#6f8fb3",
            "asyncpal_measured": "#a3b8a9", "asyncpal_observed": "#7f9d8c"}


def base_of(pools):
    """Returns the pool that the others are set beside, or None."""
    for pool in ("naive", "onetbb", "openmp"):
        if pool in pools and pools[pool].median > 0:
            return pool
    return None


def draw(results, context):
    """Returns the SVG of `results`, as compare.summarize() made them."""
    parts = []
    y = 54
    scale = (_WIDTH - _LEFT - 90) / _MOST
    for case in compare.CASES:
        pools = results.get(case.name, {})
        base = base_of(pools)
        if compare.OURS not in pools or base is None:
            continue
        names = [compare.OURS] + [p for p in case.peers if p in pools]
        parts.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (
            _LEFT - 10, y + _BAR, case.name))
        for name in names:
            factor = pools[name].median / pools[base].median
            length = max(1, min(factor, _MOST) * scale)
            parts.append('<rect x="%d" y="%d" width="%.1f" height="%d" '
                         'fill="%s"/>' % (_LEFT, y, length, _BAR - 2,
                                          _COLOURS[name]))
            parts.append('<text x="%.1f" y="%d" class="s">%s %.2f%s</text>' % (
                _LEFT + length + 5, y + _BAR - 3, name, factor,
                " (cut)" if factor > _MOST else ""))
            y += _BAR
        y += _GAP
    line = _LEFT + scale
    parts.append('<line x1="%.1f" y1="44" x2="%.1f" y2="%d" '
                 'stroke="#888" stroke-dasharray="3 3"/>' % (line, line, y))
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
        'viewBox="0 0 %d %d">' % (_WIDTH, y + 10, _WIDTH, y + 10),
        '<style>text{font:12px sans-serif}.s{font-size:10px;fill:#444}'
        '</style>',
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="10" y="18">Medians beside the textbook pool, or else oneTBB '
        '(dashed: 1.0). Shorter is better.</text>',
        '<text x="10" y="34" class="s">%s, %d CPUs, load %s</text>' % (
            context["date"][:10], context["num_cpus"],
            "/".join("%.1f" % load for load in context["load_avg"])),
    ] + parts + ["</svg>"]) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: plot.py REPORT.json PLOT.svg")
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(draw(compare.summarize(report), report["context"]))


if __name__ == "__main__":
    main()
