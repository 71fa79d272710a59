#!/usr/bin/env python3
"""Writes compile_commands.json, by which editors understand the C++ code.

  tools/lint/compile_commands.py [TARGET PATTERN...]

Of //future/..., //ipc/..., //pool/... and //examples/... without patterns.
Headers such as "asyncpal/pool/pool.h" and what is generated are found after a
build of the same targets.
"""

import json
import os
import subprocess
import sys

_PATTERNS = ["//future/...", "//ipc/...", "//pool/...", "//examples/..."]


def _bazel(*words, timeout=None):
    startup = [] if timeout is None else ["--noblock_for_lock"]
    return subprocess.run(
        ["./bazelw", *startup, *words], check=True, timeout=timeout,
        stdout=subprocess.PIPE, text=True,
    ).stdout


def _commands(actions, root, execution_root):
    """Yields the entries of the database, one for each file of ours."""
    seen = set()
    for action in actions:
        words = action["arguments"]
        [name] = [
            word for word, before in zip(words[1:], words) if before == "-c"
        ]
        if name in seen or not os.path.exists(os.path.join(root, name)):
            continue
        seen.add(name)
        yield {
            "arguments": words,
            "directory": execution_root,
            "file": os.path.join(root, name),
        }


def entries(patterns, timeout=None):
    """The entries for targets; in the workspace's folder.

    With a timeout, it does not wait for another command of Bazel's either.
    """
    query = f"mnemonic('CppCompile', {' + '.join(patterns)})"
    answer = json.loads(_bazel(
        "aquery", query, "--output=jsonproto", "--noshow_progress",
        timeout=timeout,
    ))
    execution_root = _bazel(
        "info", "execution_root", "--noshow_progress", timeout=timeout
    ).strip()
    return list(_commands(answer.get("actions", []), os.getcwd(), execution_root))


def main(patterns):
    root = os.path.realpath(os.path.dirname(os.path.realpath(__file__)) + "/../..")
    os.chdir(root)
    found = entries(patterns or _PATTERNS)
    if not found:
        sys.exit(f"compile_commands: no C++ in {' '.join(patterns or _PATTERNS)}")
    with open("compile_commands.json", "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
    print(f"compile_commands.json has {len(found)} files")


if __name__ == "__main__":
    main(sys.argv[1:])
