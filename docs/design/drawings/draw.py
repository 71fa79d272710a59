#!/usr/bin/env python3
"""Draws the design notes' pictures: one SVG for each text beside this script.

  ./draw.py            # writes NAME.svg for each NAME.txt
  ./draw.py --check    # fails if one is not what its text makes

A line of a text is one of these; coordinates are pixels, `|` begins a line of
its own in a box:

  size WIDTH HEIGHT | what the picture shows, for those who can't see it
  room X Y WIDTH HEIGHT | label         a frame around boxes
  box NAME X Y WIDTH HEIGHT | title | small text ...
  arrow FROM TO | label                 between the nearest sides of two boxes
  both FROM TO | label                  the same, with two heads
  note X Y | text
"""

import html
import pathlib
import sys

_HERE = pathlib.Path(__file__).resolve().parent

# Readable on a light page and on a dark one.
_STYLE = """
  text { font: 13px sans-serif; fill: #1f2430; }
  .small { font-size: 11px; fill: #4a5162; }
  .title { font-weight: bold; }
  .page { fill: #ffffff; }
  .room { fill: #f3f5f9; stroke: #b8c0d0; stroke-dasharray: 4 3; }
  .box { fill: #dfe8f8; stroke: #4a6fa5; }
  .line { stroke: #4a5162; fill: none; marker-end: url(#head); }
  .both { marker-start: url(#head); }
"""
_HEAD = (
    '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
    'markerHeight="8" orient="auto-start-reverse">'
    '<path d="M 0 1 L 9 5 L 0 9 z" fill="#4a5162"/></marker>')


def _text(x, y, text, kind="", anchor="middle"):
    kind = f' class="{kind}"' if kind else ""
    return (f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{kind}>'
            f"{html.escape(text, quote=False)}</text>")


class _Box:
    def __init__(self, x, y, width, height):
        self.x, self.y, self.width, self.height = x, y, width, height

    def middle(self):
        return self.x + self.width / 2, self.y + self.height / 2


def _overlap(begin, length, other_begin, other_length):
    """The middle of what two ranges have in common, or None."""
    low = max(begin, other_begin)
    high = min(begin + length, other_begin + other_length)
    return (low + high) / 2 if low < high else None


def _ends(a, b):
    """Where an arrow from box a to box b begins and ends: straight, if it can."""
    x = _overlap(a.x, a.width, b.x, b.width)
    y = _overlap(a.y, a.height, b.y, b.height)
    if x is not None:
        if a.y < b.y:
            return (x, a.y + a.height), (x, b.y)
        return (x, a.y), (x, b.y + b.height)
    if y is None:
        return (a.middle()[0], a.y + a.height if a.y < b.y else a.y), (
            b.x if a.x < b.x else b.x + b.width, b.middle()[1])
    if a.x < b.x:
        return (a.x + a.width, y), (b.x, y)
    return (a.x, y), (b.x + b.width, y)


def draw(text):
    """The SVG that a text describes."""
    boxes = {}
    out = []
    head = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        command, *labels = [part.strip() for part in line.split("|")]
        word, *words = command.split()
        if word == "size":
            width, height = map(int, words)
            head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
                    f'height="{height}" viewBox="0 0 {width} {height}" '
                    f'role="img">\n<title>{html.escape(labels[0])}</title>\n'
                    f"<style>{_STYLE}</style>\n<defs>{_HEAD}</defs>\n"
                    '<rect class="page" width="100%" height="100%" rx="6"/>')
        elif word == "room":
            x, y, width, height = map(int, words)
            out.append(f'<rect class="room" x="{x}" y="{y}" width="{width}" '
                       f'height="{height}" rx="6"/>')
            out.append(_text(x + 10, y + 18, labels[0], "title", "start"))
        elif word == "box":
            x, y, width, height = map(int, words[1:])
            boxes[words[0]] = _Box(x, y, width, height)
            out.append(f'<rect class="box" x="{x}" y="{y}" width="{width}" '
                       f'height="{height}" rx="4"/>')
            top = y + height / 2 - 7.5 * (len(labels) - 1) + 4
            for i, label in enumerate(labels):
                out.append(_text(x + width / 2, top + 15 * i, label,
                                 "title" if i == 0 else "small"))
        elif word in ("arrow", "both"):
            begin, end = _ends(boxes[words[0]], boxes[words[1]])
            kind = "line both" if word == "both" else "line"
            out.append(f'<path class="{kind}" d="M {begin[0]:g} {begin[1]:g} '
                       f'L {end[0]:g} {end[1]:g}"/>')
            x, y = (begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2
            if begin[0] == end[0]:
                for i, label in enumerate(labels):
                    row = y + 4 + 13 * (i - (len(labels) - 1) / 2)
                    out.append(_text(x + 7, row, label, "small", "start"))
            else:
                for i, label in enumerate(labels):
                    row = y - 6 - 13 * (len(labels) - 1 - i)
                    out.append(_text(x, row, label, "small"))
        elif word == "note":
            x, y = map(int, words)
            out.append(_text(x, y, labels[0], "small", "start"))
        else:
            raise ValueError(f"line {number}: there is no '{word}'")
    return "\n".join([head, *out, "</svg>", ""])


def main():
    check = sys.argv[1:] == ["--check"]
    texts = sorted(_HERE.glob("*.txt"))
    if not texts:
        sys.exit(f"{_HERE} has no texts")
    for path in texts:
        picture = draw(path.read_text(encoding="utf-8"))
        out = path.with_suffix(".svg")
        if not check:
            out.write_text(picture, encoding="utf-8")
        elif out.read_text(encoding="utf-8") != picture:
            sys.exit(f"{out.name} is not what {path.name} makes: run "
                     "docs/design/drawings/draw.py")


if __name__ == "__main__":
    main()
