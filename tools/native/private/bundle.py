#!/usr/bin/env python3
"""Collects shared libraries with every library that they need.

  bundle.py --libraries FOLDER --licenses FOLDER LIBRARY...

The dynamic loader itself tells which file a needed name means, and in the end
whether it finds each one in the new folder, too. What every machine is assumed
to have (BASELINE) is left out. The folder also gets two lists:

  index.txt     the libraries in it, first those that were asked for
  baseline.txt  what the machine must have, with the newest version needed
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

# The C and C++ runtime of a Linux distribution; a process can have only one of
# each. (As for Python's manylinux wheels.)
BASELINE = {
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
}

_NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[(.+)\]")
_RESOLVED = re.compile(r"^\s*(\S+) => (/\S+|not found)", re.MULTILINE)
_VERSIONS_OF = re.compile(r"Version: 1\s+File: (\S+)")
_VERSION = re.compile(r"Name: ([A-Z]+)_(\d[\d.]*)\s")


class BundleError(Exception):
    pass


def run(*command):
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "PATH": os.defpath},
    )
    if result.returncode != 0:
        raise BundleError(
            f"'{' '.join(command)}' failed: {result.stderr.strip()}"
        )
    return result.stdout


def needed(library):
    """Returns the names in a library's NEEDED entries."""
    return _NEEDED.findall(run("readelf", "--dynamic", "--wide", library))


def resolved(library):
    """Returns what the loader makes of each name, directly needed or not."""
    found = _RESOLVED.findall(run("ldd", os.path.abspath(library)))
    return {name: path for name, path in found if path != "not found"}


def closure(libraries):
    """Returns the file behind each name that is needed beyond the baseline."""
    files = {os.path.basename(library): library for library in libraries}
    waiting = [(library, resolved(library)) for library in libraries]
    while waiting:
        library, paths = waiting.pop()
        for name in needed(library):
            if name in BASELINE or name in files:
                continue
            if name not in paths:
                raise BundleError(
                    f"{library} needs {name}, which the loader does not find: "
                    "install the package that has it, or link without it"
                )
            files[name] = paths[name]
            waiting.append((paths[name], paths))
    return files


def check_self_contained(folder, libraries):
    """Fails if the loader takes anything from outside of the folder."""
    for library in libraries:
        path = os.path.join(folder, os.path.basename(library))
        paths = resolved(path)
        for name in sorted(os.listdir(folder)):
            if name not in paths:
                continue
            if os.path.dirname(paths[name]) != os.path.abspath(folder):
                raise BundleError(
                    f"{library} would load {paths[name]} instead of the {name} "
                    "beside it: link it with -Wl,-rpath,$ORIGIN and "
                    "-Wl,--disable-new-dtags, as asyncpal_shared_library() does"
                )


def owners(paths):
    """Returns the Debian package of each file."""
    # Where /lib is a link to /usr/lib, the packages may know either name.
    names = {}
    for path in paths:
        real = os.path.realpath(path)
        for name in path, real, real.removeprefix("/usr"):
            names[name] = path
    try:
        # It also fails if it knows only some of the names.
        answer = subprocess.run(
            ["dpkg-query", "--search", *names], capture_output=True, text=True
        ).stdout
    except FileNotFoundError:
        answer = ""
    found = {}
    for line in answer.splitlines():
        packages, _, name = line.partition(": ")
        if name in names:
            found[names[name]] = packages.split(",")[0].split(":")[0]
    for path in paths:
        if path not in found:
            raise BundleError(
                f"no Debian package has {path}, so its license is not known: "
                "link it statically, or take it from a package"
            )
    return found


def copy_licenses(paths, folder):
    for package in set(owners(paths).values()):
        source = f"/usr/share/doc/{package}/copyright"
        if not os.path.exists(source):
            raise BundleError(f"the package {package} has no {source}")
        os.makedirs(os.path.join(folder, package))
        shutil.copyfile(source, os.path.join(folder, package, "copyright"))


def baseline_versions(paths):
    """Returns lines "file VERSION", for the newest version that is needed."""
    newest = {}
    for path in paths:
        file = None
        for line in run("readelf", "--version-info", "--wide", path).splitlines():
            if match := _VERSIONS_OF.search(line):
                file = match[1]
            elif (match := _VERSION.search(line)) and file in BASELINE:
                key = (file, match[1])
                version = [int(part) for part in match[2].split(".")]
                newest[key] = max(newest.get(key, []), version)
    return [
        f"{file} {family}_{'.'.join(map(str, version))}"
        for (file, family), version in sorted(newest.items())
    ]


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def main(words):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--libraries", required=True, help="a folder to fill")
    parser.add_argument("--licenses", required=True, help="a folder to fill")
    parser.add_argument("library", nargs="+")
    arguments = parser.parse_args(words)
    folder = arguments.libraries
    for path in folder, arguments.licenses:
        os.makedirs(path, exist_ok=True)

    files = closure(arguments.library)
    for name, path in files.items():
        shutil.copyfile(path, os.path.join(folder, name))
    check_self_contained(folder, arguments.library)
    ours = [os.path.basename(library) for library in arguments.library]
    others = sorted(set(files) - set(ours))
    if others:
        copy_licenses([files[name] for name in others], arguments.licenses)
    write_lines(os.path.join(folder, "index.txt"), ours + others)
    write_lines(
        os.path.join(folder, "baseline.txt"), baseline_versions(files.values())
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BundleError as error:
        sys.exit(f"bundle: {error}")
