#!/usr/bin/env python3
"""Checks that options and snapshots have the same fields in all languages.

  options_test.py --cpp HEADER... --java FILE... --csharp FILE... --names FILE

Each field of the C++ structs below must be a record's component or a builder's
method in Java, and a record's parameter or a property in C#, under the name that
follows from its own; or there is a reason here why it is not. The facade's list of
the names that messages have, in FILE, has those of all options.
"""

import argparse
import re
import sys

_STRUCTS = [
    "PoolOptions",
    "ProcessPoolOptions",
    "TaskOptions",
    "MapOptions",
    "ShutdownOptions",
    "PoolStats",
    "DurationHistogram",
    "WorkerInfo",
    "TaskReport",
]

# Those among them whose fields a user sets, and more such.
_OPTIONS = [
    "PoolOptions",
    "ProcessPoolOptions",
    "TaskOptions",
    "MapOptions",
    "PeriodicOptions",
    "RetryPolicy",
]

# What is called otherwise, or missing for a reason. Each entry must be needed.
_EXCEPTIONS = {
    ("java", "PoolOptions.unobserved_failure_handler"):
        "the UncaughtExceptionHandler of a thread",
    ("java", "ProcessPoolOptions.unobserved_failure_handler"):
        "the UncaughtExceptionHandler of a thread",
    ("java", "ShutdownOptions.mode"): "shutdown(), shutdownNow() and close()",
    ("java", "ShutdownOptions.deadline"): "awaitTermination()",
    ("csharp", "MapOptions.keep_order"): "Map() and MapUnordered()",
    ("csharp", "WorkerInfo.pid"): "ProcessId",
    ("csharp", "WorkerInfo.busy"): "IsBusy",
    ("csharp", "TaskReport.pid"): "ProcessId",
    ("csharp", "TaskReport.lost"): "IsLost",
    ("java", "PoolStats.wait"): "waitTimes, as each object has a wait()",
    ("java", "PoolStats.run"): "runTimes",
    ("csharp", "PoolOptions.clock"): "TimeProvider",
    ("csharp", "ProcessPoolOptions.clock"): "TimeProvider",
    ("java", "PoolOptions.clock"): "of C++ pools so far",
    ("java", "ProcessPoolOptions.clock"): "of C++ pools so far",
}

# Where each struct's fields are to be found.
_JAVA_FILES = {
    "PoolOptions": ["PoolBuilder", "ThreadPool"],
    "ProcessPoolOptions": ["PoolBuilder", "WorkerOptions", "ProcessPool"],
    "ShutdownOptions": ["PoolBuilder"],
}
_CSHARP_TYPES = {
    "PoolOptions": ["PoolOptions", "ThreadPoolOptions"],
    "ProcessPoolOptions": ["PoolOptions", "ProcessPoolOptions"],
}


def read(paths):
    return {
        re.sub(r".*/|\.\w+$", "", path): open(path, encoding="utf-8").read()
        for path in paths
    }


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def cpp_fields(headers, struct):
    """The names of a struct's fields, in order."""
    for text in headers.values():
        found = re.search(
            rf"^struct {struct} \{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL
        )
        if found:
            return re.findall(
                r"\b(\w+)(?: = [^;]*)?;", without_comments(found[1])
            )
    sys.exit(f"no struct {struct} in {', '.join(headers)}")


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def in_java(files, struct, field):
    name = camel(field)
    for file in _JAVA_FILES.get(struct, [struct]):
        text = without_comments(files[file])
        record = re.search(rf"public record {file}\((.*?)\)", text, re.DOTALL)
        if record and re.search(rf"\b{name}(,|$)", record[1]):
            return True
        if re.search(rf"public (B|Builder) {name}\(", text):
            return True
    return False


def in_csharp(files, struct, field):
    name = camel(field)
    name = name[0].upper() + name[1:]
    for text in map(without_comments, files.values()):
        record = re.search(rf"\brecord {struct}\((.*?)\)", text, re.DOTALL)
        if record:
            return re.search(rf"\b{name}(,|$)", record[1]) is not None
        for kind in _CSHARP_TYPES.get(struct, [struct]):
            found = re.search(rf"\brecord {kind}\b(.*?)^\}}", text,
                              re.MULTILINE | re.DOTALL)
            if found and re.search(rf"\b{name} \{{ get;", found[0]):
                return True
    return False


def check_names(headers, path):
    """The mistakes in the facade's list, printed."""
    listed = re.search(
        r"kNames\[\] = \{(.*?)\};", open(path, encoding="utf-8").read(), re.DOTALL)
    listed = re.findall(r'"(\w+)"', listed[1])
    names = sorted({
        field for struct in _OPTIONS for field in cpp_fields(headers, struct)
        if "_" in field.strip("_")
    })
    if listed == names:
        return 0
    print(f"{path} has\n{listed}, but the options of several words are\n{names}")
    return 1


def main():
    parser = argparse.ArgumentParser()
    for language in "cpp", "java", "csharp":
        parser.add_argument(f"--{language}", nargs="+", required=True)
    parser.add_argument("--names", required=True)
    args = parser.parse_args()

    headers = read(args.cpp)
    mistakes = check_names(headers, args.names)
    unused = dict(_EXCEPTIONS)
    for struct in _STRUCTS:
        fields = cpp_fields(headers, struct)
        if len(fields) < 2:
            sys.exit(f"{struct} has the fields {fields}?")
        for language, paths, has in (
            ("java", args.java, in_java), ("csharp", args.csharp, in_csharp)):
            files = read(paths)
            for field in fields:
                reason = unused.pop((language, f"{struct}.{field}"), None)
                found = has(files, struct, field)
                if found == (reason is not None):
                    mistakes += 1
                    print(f"{struct}::{field}: " + (
                        f"{language} has it; it is said not to"
                        if found else f"{language} has nothing of that name"))
    for (language, field), _ in unused.items():
        mistakes += 1
        print(f"{field}, an exception of {language}, is no field")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
