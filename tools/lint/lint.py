#!/usr/bin/env python3
"""Checks layout and lint of every file in the workspace.

  tools/lint/lint.py [--fix] [--since COMMIT] [--tidy]

C++ by clang-format, BUILD and .bzl files by buildifier (npm's, of one version),
C# by `dotnet format whitespace`, Java by a few rules of this file's own. Doxygen
finds public C++ classes, functions and options without a comment; those of C#
and Java are the business of the compiler and of javadoc. --tidy has clang-tidy
look at the lines of C++ that have changed since the branch began; with CI set in
the environment it does, too, but what it finds there is printed and no mistake,
since how far it gets depends on the machine. What a program can mend, --fix
mends. --since looks at nothing that has not changed since that commit. A
program that the machine lacks is named, and its files count as unchecked; with
CI set in the environment, that is a mistake, unless the program is npm, which
Debian's CI machines need not have.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import tidy

_BUILDIFIER = "@bazel/buildifier@8.2.1"

# Those that say what a newer Bazel no longer has come first. Names of ours are
# not what the others are about.
_WARNINGS = ",".join([
    "native-build",
    "native-cc-binary",
    "native-cc-common",
    "native-cc-info",
    "native-cc-library",
    "native-cc-test",
    "native-sh-binary",
    "native-sh-test",
    "attr-cfg",
    "attr-single-file",
    "ctx-actions",
    "load",
    "unused-variable",
])


def output_of(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def merge_base():
    """Where this branch began; None: nothing tells."""
    for name in "origin/main", "main":
        found = subprocess.run(
            ["git", "merge-base", "HEAD", name], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )
        if found.returncode == 0:
            return found.stdout.strip()
    return None


class Lint:
    def __init__(self, arguments):
        self.fix = arguments.fix
        self.since = arguments.since
        self.tidy = arguments.tidy
        self.mistakes = []
        if arguments.since:
            names = output_of(
                "git", "diff", "--name-only", "--diff-filter=d", arguments.since
            )
        else:
            names = output_of(
                "git", "ls-files", "-co", "--exclude-standard"
            )
        self.files = [n for n in names.splitlines() if os.path.isfile(n)]

    def select(self, *endings):
        return [name for name in self.files if name.endswith(endings)]

    def run(self, title, *command):
        result = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if result.returncode != 0 or (result.stdout and not self.fix):
            self.mistakes.append(f"{title}:\n{result.stdout.rstrip()}")

    def lacks(self, program, package, optional=False):
        if shutil.which(program):
            return False
        text = f"there is no {program}: install {package}"
        if os.environ.get("CI") and not optional:
            self.mistakes.append(text)
        else:
            print(f"lint: unchecked: {text}")
        return True

    def check_cc(self):
        files = self.select(".cc", ".h")
        if files and not self.lacks("clang-format", "clang-format"):
            option = ["-i"] if self.fix else ["--dry-run", "--Werror"]
            self.run("clang-format", "clang-format", *option, *files)

    def check_changed_cc(self):
        base = self.since or merge_base()
        if not base or self.lacks(tidy.PROGRAM, tidy.PROGRAM):
            return
        mistakes, unchecked = tidy.mistakes(base)
        if self.tidy:
            self.mistakes += mistakes
        else:
            for mistake in mistakes:
                print(f"lint: advice of {mistake}")
        if unchecked:
            print(f"lint: unchecked by clang-tidy: {' '.join(unchecked)}")

    def check_cc_comments(self):
        if not self.select(".h") or self.lacks("doxygen", "doxygen"):
            return
        sys.path.insert(0, "docs/generator")
        import cpp_reference

        self.mistakes += cpp_reference.undocumented(".")

    def check_bazel(self):
        files = self.select("BUILD.bazel", ".bzl", "WORKSPACE", "MODULE.bazel")
        if not files or self.lacks("npm", "npm", optional=True):
            return
        cache = os.path.join(
            os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
            "asyncpal/" + _BUILDIFIER.replace("/", "-"),
        )
        program = cache + "/node_modules/.bin/buildifier"
        if not os.path.exists(program):
            subprocess.run(
                ["npm", "install", "--silent", "--no-save", "--prefix", cache,
                 _BUILDIFIER],
                check=True,
            )
        mode = ["-mode=fix", "-lint=fix"] if self.fix else [
            "-mode=check", "-lint=warn"
        ]
        self.run("buildifier", program, *mode, "-warnings=" + _WARNINGS, *files)

    def check_csharp(self):
        files = self.select(".cs")
        if not files or self.lacks("dotnet", "the .NET SDK"):
            return
        # It walks the whole folder, links that Bazel leaves in it included.
        for folder in sorted({"/".join(n.split("/")[:2]) for n in files}):
            names = [n for n in files if n.startswith(folder + "/")]
            option = [] if self.fix else ["--verify-no-changes"]
            self.run(
                "dotnet format", "dotnet", "format", "whitespace", folder,
                "--folder", *option, "--include", *names,
            )

    def check_java(self):
        for name in self.select(".java"):
            with open(name, encoding="utf-8") as file:
                text = file.read()
            for mistake in java_mistakes(text):
                self.mistakes.append(f"{name}{mistake}")


def java_mistakes(text):
    """Yields what Google's Java style would not have."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f":{number}: there are blanks at the end"
        if "\t" in line:
            yield f":{number}: there is a tab"
        if len(line) > 100 and not line.lstrip().startswith("import "):
            yield f":{number}: it is longer than 100 columns"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield ": it does not end with one newline"
    for prefix in "import static ", "import ":
        names = re.findall(rf"^{prefix}(?!static )([\w.*]+);$", text, re.M)
        if names != sorted(names):
            yield f": '{prefix}' lines are not sorted"
        body = re.sub(r"^import .*$", "", text, flags=re.M)
        for name in names:
            last = name.rpartition(".")[2]
            if last != "*" and not re.search(rf"\b{last}\b", body):
                yield f": {name} is imported and not used"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("--since", metavar="COMMIT")
    parser.add_argument("--tidy", action="store_true")
    root = os.path.dirname(os.path.realpath(__file__)) + "/../.."
    arguments = parser.parse_args()
    os.chdir(root)
    lint = Lint(arguments)
    lint.check_cc()
    if arguments.tidy or os.environ.get("CI"):
        lint.check_changed_cc()
    lint.check_cc_comments()
    lint.check_bazel()
    lint.check_csharp()
    lint.check_java()
    for mistake in lint.mistakes:
        print(f"lint: {mistake}")
    return 1 if lint.mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
