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


def bazel(*words):
    return subprocess.run(
        ["./bazelw", *words], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def commands(actions, root, execution_root):
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


def main(patterns):
    root = os.path.realpath(os.path.dirname(os.path.realpath(__file__)) + "/../..")
    os.chdir(root)
    query = f"mnemonic('CppCompile', {' + '.join(patterns or _PATTERNS)})"
    answer = json.loads(
        bazel("aquery", query, "--output=jsonproto", "--noshow_progress")
    )
    execution_root = bazel("info", "execution_root", "--noshow_progress").strip()
    entries = list(commands(answer["actions"], root, execution_root))
    if not entries:
        sys.exit(f"compile_commands: {query} finds no C++")
    with open("compile_commands.json", "w", encoding="utf-8") as file:
        json.dump(entries, file, indent=1)
    print(f"compile_commands.json has {len(entries)} files")


if __name__ == "__main__":
    main(sys.argv[1:])
