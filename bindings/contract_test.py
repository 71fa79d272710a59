#!/usr/bin/env python3
"""Checks that pools promise the same in all languages.

  contract_test.py --claims HEADER... --suite FILE... [--suite FILE...]

The claims are the names of the typed tests in C++ headers. In the files of each
further suite, each name must stand: as that of a test, or in the comment that
says why the claim can't be made there.
"""

import argparse
import re
import sys


def read(paths):
    texts = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    return "\n".join(texts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--claims", nargs="+", required=True)
    parser.add_argument("--suite", nargs="+", action="append", required=True)
    args = parser.parse_args()

    claims = re.findall(r"\nTYPED_TEST_P\(\w+,\s*(\w+)\)", read(args.claims))
    if not claims:
        sys.exit("no claims in " + " ".join(args.claims))
    complete = True
    for suite in args.suite:
        words = {word[0].upper() + word[1:] for word in re.findall(r"\w+", read(suite))}
        for claim in claims:
            if claim not in words:
                print(f"{claim} is neither claimed nor left out by any of {suite}")
                complete = False
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
