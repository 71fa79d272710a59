#!/usr/bin/env python3
"""Checks that the code in documents is code that is compiled.

  readme_test.py DOCUMENT.md... SOURCE...

Every ```cpp, ```java and ```csharp block must stand in one of the sources, line
by line, at any depth of indentation, and every document has one.
"""

import re
import sys


def stands_in(block, source):
    for start in range(len(source) - len(block) + 1):
        indent = len(source[start]) - len(block[0])
        wanted = [" " * indent + line if line else "" for line in block]
        if indent >= 0 and source[start : start + len(block)] == wanted:
            return True
    return False


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main():
    documents = [path for path in sys.argv[1:] if path.endswith(".md")]
    sources = [path for path in sys.argv[1:] if path not in documents]
    code = [read(path).splitlines() for path in sources]
    mistakes = 0
    for document in documents:
        blocks = re.findall(
            r"^```(?:cpp|java|csharp)\n(.*?)^```$",
            read(document),
            re.MULTILINE | re.DOTALL,
        )
        if not blocks:
            print(f"{document} has no code")
            mistakes += 1
        for block in blocks:
            if not any(stands_in(block.splitlines(), source) for source in code):
                print(f"in {document} but in none of {', '.join(sources)}:\n")
                print(block)
                mistakes += 1
    return 1 if mistakes or not documents else 0


sys.exit(main())
