#!/usr/bin/env python3
"""Checks that the code in a document is code that is compiled.

  readme_test.py DOCUMENT SOURCE...

Every ```cpp, ```java and ```csharp block must stand in one of the sources, line
by line, at any depth of indentation.
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


def main():
    document, *sources = sys.argv[1:]
    text = open(document, encoding="utf-8").read()
    code = [open(path, encoding="utf-8").read().splitlines() for path in sources]
    blocks = re.findall(
        r"^```(?:cpp|java|csharp)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    missing = [
        block
        for block in blocks
        if not any(stands_in(block.splitlines(), source) for source in code)
    ]
    for block in missing:
        print(f"in {document} but in none of {', '.join(sources)}:\n\n{block}")
    if not blocks:
        print(f"{document} has no code")
    return 1 if missing or not blocks else 0


sys.exit(main())
