"""Finds what clang-tidy minds in the lines of C++ that have changed.

For lint.py. Compiling a file a second time takes half a minute, so that it
looks at changed files only, and only for as long as it may: what it has not
got to is named, and no mistake.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import time

import compile_commands

# Debian 12's plain clang-tidy is 14, which can't compile GCC 12's <ranges>.
PROGRAM = "clang-tidy-16"

_SECONDS = 60

# Of the compiler's arguments, what clang must know: GCC has options of its own.
_PATH_OPTIONS = ("-I", "-iquote", "-isystem", "-D", "-std=")


def changed_lines(base):
    """Ranges of lines by file, for sources and headers."""
    diff = subprocess.run(
        ["git", "diff", "--unified=0", "--diff-filter=d", "--no-color",
         "--no-ext-diff", base, "--", "*.cc", "*.h"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    lines = {}
    name = None
    for line in diff.splitlines():
        if line.startswith("+++ b/"):
            name = line[len("+++ b/"):]
        found = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if found and found[2] != "0":
            first = int(found[1])
            lines.setdefault(name, []).append(
                [first, first + int(found[2] or 1) - 1]
            )
    return lines


def _packages(names):
    """The packages that the files are in, as Bazel writes them."""
    found = set()
    for name in names:
        folder = os.path.dirname(name)
        while folder and not os.path.exists(folder + "/BUILD.bazel"):
            folder = os.path.dirname(folder)
        found.add(f"//{folder}:all")
    return sorted(found)


def _arguments(words):
    kept = ["-std=c++20"]
    for word, following in zip(words, words[1:] + [""]):
        if word in ("-iquote", "-isystem"):
            kept += [word, following]
        elif word.startswith(_PATH_OPTIONS):
            kept.append(word)
    return kept


def mistakes(base):
    """What clang-tidy says of changed lines, and the files it did not get to."""
    end = time.monotonic() + _SECONDS
    lines = changed_lines(base)
    sources = [name for name in lines if name.endswith(".cc")]
    if not sources:
        return [], []
    line_filter = json.dumps(
        [{"name": name, "lines": ranges} for name, ranges in lines.items()]
    )
    try:
        entries = {
            os.path.relpath(entry["file"]): entry
            for entry in compile_commands.entries(_packages(sources), _SECONDS)
        }
    except subprocess.SubprocessError:  # another build is under way
        return [], sources

    def check(name):
        if name not in entries:
            return name, None
        try:
            result = subprocess.run(
                [PROGRAM, "--quiet", f"--config-file={os.getcwd()}/.clang-tidy",
                 f"--line-filter={line_filter}", os.path.abspath(name), "--",
                 *_arguments(entries[name]["arguments"])],
                cwd=entries[name]["directory"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                timeout=max(0.01, end - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            return name, None
        # Say, a header is not generated yet. Other checks compile.
        if "[clang-diagnostic-error]" in result.stdout:
            return name, None
        return name, result.stdout.strip()

    found, unchecked = [], []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, output in pool.map(check, sources):
            if output is None:
                unchecked.append(name)
            elif output:
                found.append(f"{PROGRAM}:\n{output}")
    return found, unchecked
