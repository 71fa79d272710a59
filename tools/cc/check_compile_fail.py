#!/usr/bin/env python3
"""Checks what a compiler said of code that it must refuse.

  check_compile_fail.py CONTROL_LOG [LOG MESSAGE]...

A log is the compiler's output, and then "exit code: N". The control must have
been compiled. Each other log must have one error and no more, whose line
contains the message. A fatal error by which a header ends the compilation after
that does not count.
"""

import re
import sys


def explain(log, message):
    """What is wrong with a log, or None; a message of None is the control's."""
    compiled = log.endswith("exit code: 0\n")
    if message is None:
        return None if compiled else "the control does not compile"
    if compiled:
        return "this compiles, and must not"
    errors = re.findall(r"^.*\berror: .*$", log, re.MULTILINE)
    if not any(message in error for error in errors):
        return f"no error says\n  {message}"
    if len(errors) > 1 and " fatal error: " in errors[-1]:
        errors.pop()
    if len(errors) > 1:
        return f"there are {len(errors)} errors instead of one"
    return None


def main():
    control, *rest = sys.argv[1:]
    cases = [(control, None)] + list(zip(rest[::2], rest[1::2]))
    failures = 0
    for path, message in cases:
        log = open(path, encoding="utf-8", errors="replace").read()
        wrong = explain(log, message)
        print(f"{'FAILED' if wrong else 'ok'}: {path}")
        if wrong:
            print(f"{wrong}\n--- The compiler said:\n{log}")
            failures += 1
    return 1 if failures or len(rest) % 2 else 0


sys.exit(main())
