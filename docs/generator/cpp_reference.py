"""What Doxygen makes of the public headers, and what they leave untold."""

import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree

_FOLDERS = ["future", "ipc", "pool"]

_DOXYFILE = """
PROJECT_NAME = Asyncpal
PROJECT_NUMBER = {version}
INPUT = {headers}
OUTPUT_DIRECTORY = {out}
HTML_OUTPUT = .
STRIP_FROM_PATH = {root}
STRIP_FROM_INC_PATH = {root}
# Comments are ordinary ones.
INPUT_FILTER = "sed 's|^\\( *\\)// |\\1/// |; s|^\\( *\\)//$|\\1///|'"
FILTER_SOURCE_FILES = NO
EXTRACT_ALL = YES
EXCLUDE_SYMBOLS = *::internal *::internal::*
GENERATE_HTML = {html}
GENERATE_XML = {xml}
GENERATE_LATEX = NO
HAVE_DOT = NO
QUIET = YES
WARNINGS = NO
MACRO_EXPANSION = YES
"""


def _run(root, out, html, xml):
    headers = [
        os.path.join(root, folder, name)
        for folder in _FOLDERS
        for name in sorted(os.listdir(os.path.join(root, folder)))
        if name.endswith(".h")
    ]
    with open(os.path.join(root, "VERSION"), encoding="utf-8") as file:
        version = file.read().strip()
    doxyfile = _DOXYFILE.format(
        headers=" ".join(headers), out=out, root=root, version=version,
        html=html, xml=xml,
    )
    os.makedirs(out, exist_ok=True)
    subprocess.run(["doxygen", "-"], input=doxyfile, text=True, check=True)


def make_pages(root, out):
    """Puts the reference into a folder."""
    _run(root, out, html="YES", xml="NO")


def undocumented(root):
    """Yields sentences on public classes, functions and options without a word.

    One comment may be for several declarations without a blank line between
    them. An accessor whose name says all may go without.
    """
    root = os.path.realpath(root)
    lines = {}
    with tempfile.TemporaryDirectory() as folder:
        _run(root, folder, html="NO", xml="YES")
        for name in sorted(os.listdir(folder + "/xml")):
            tree = xml.etree.ElementTree.parse(f"{folder}/xml/{name}")
            for path, line, what in _public(tree.getroot()):
                if path not in lines:
                    with open(os.path.join(root, path), encoding="utf-8") as file:
                        lines[path] = file.read().split("\n")
                if not _has_comment(lines[path], line) and (
                    # Constructors of a base, and what Doxygen misreads.
                    not re.match(r"\s*(using|explicit)\b", lines[path][line - 1])
                ):
                    yield f"{path}:{line}: {what} has no comment"


def _public(tree):
    """Yields what needs a comment, as path, line and name."""
    for compound in tree.findall("compounddef"):
        name = compound.findtext("compoundname")
        kind = compound.get("kind")
        # What is said of a template holds for its specializations.
        if kind in ("class", "struct"):
            if "<" in name or compound.get("prot") != "public":
                continue
            yield *_place(compound), name
        elif kind != "namespace":
            continue
        for member in compound.iter("memberdef"):
            if member.get("prot") == "public" and not _says_all(member, name):
                yield *_place(member), f"{name}::{member.findtext('name')}"


def _place(element):
    location = element.find("location")
    return location.get("file"), int(location.get("line"))


def _says_all(member, scope):
    """What its name and type tell: accessors, special members, friends."""
    name = member.findtext("name")
    kind = member.get("kind")
    arguments = member.findtext("argsstring") or ""
    if kind == "friend" or "internal" in scope.split("::"):
        return True
    if kind != "function":
        return False
    return (
        arguments.startswith("()")
        or name.lstrip("~") == scope.rpartition("::")[2]
        or name.startswith("operator")
        or arguments.endswith(("=delete", "=default"))
    )


def _has_comment(lines, number):
    """Whether one stands beside a line, or right above it and its neighbours."""
    if "//" in lines[number - 1]:
        return True
    for line in reversed(lines[: number - 1]):
        if re.match(r"\s*//", line):
            return True
        if not line.strip() or re.match(r"\s*(public|private|protected):", line):
            return False
    return False
