#!/usr/bin/env python3
"""Collects shared libraries with every library that they need.

  bundle.py --libraries FOLDER --licenses FOLDER --symbols FOLDER
      [--baseline VERSION]... LIBRARY...

The dynamic loader itself tells which file a needed name means, and in the end
whether it finds each one in the new folder, too. What every machine is assumed
to have (BASELINE) is left out, and must not be needed in a newer version than
those that are given, if any are. The LIBRARYs are stripped, and their debug
information goes into the folder for symbols. The libraries' folder also gets
three lists:

  index.txt      the libraries in it, first those that were asked for
  checksums.txt  the SHA-256 of the rest of this list: a line for each library,
                 "CRC-32 SIZE SHA-256 NAME"
  baseline.txt   what the machine must have, with the newest version needed
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zlib

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
_BUILD_ID = re.compile(r"Build ID: ([0-9a-f]+)")


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


def separate_symbols(library, stripped, folder):
    """Copies a library without its debug information, which goes elsewhere."""
    match = _BUILD_ID.search(run("readelf", "--notes", "--wide", library))
    if not match:
        raise BundleError(
            f"{library} has no build-id, by which debuggers find its symbols: "
            "link it with -Wl,--build-id"
        )
    path = os.path.join(folder, ".build-id", match[1][:2], match[1][2:])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    run("objcopy", "--only-keep-debug", library, path + ".debug")
    run("strip", "--strip-unneeded", "-o", stripped, library)


def numbers(version):
    return [int(part) for part in version.split(".")]


def symbols_of_version(path, version):
    lines = run(
        "readelf", "--dyn-syms", "--demangle", "--wide", path
    ).splitlines()
    return sorted(
        line.split(maxsplit=7)[7].rpartition("@")[0]
        for line in lines
        if "UND" in line and re.search(rf"@{re.escape(version)}\b", line)
    )


def check_baseline(paths, needed_lines, allowed):
    """Fails if a newer version is needed than is allowed of its family."""
    newest = {}
    for version in allowed:
        family, _, number = version.rpartition("_")
        newest[family] = numbers(number)
    for line in needed_lines:
        version = line.split()[1]
        family, _, number = version.rpartition("_")
        if family in newest and numbers(number) <= newest[family]:
            continue
        why = [
            f"{os.path.basename(path)} uses {symbol}"
            for path in paths
            for symbol in symbols_of_version(path, version)
        ]
        raise BundleError(
            f"{line} is needed, and the baseline "
            + (
                f"ends at {family}_{'.'.join(map(str, newest[family]))}: "
                if family in newest
                else f"has no {family}: "
            )
            + "; ".join(why)
        )


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
                version = numbers(match[2])
                newest[key] = max(newest.get(key, []), version)
    return [
        f"{file} {family}_{'.'.join(map(str, version))}"
        for (file, family), version in sorted(newest.items())
    ]


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def checksums(folder, names):
    lines = []
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        crc = f"{zlib.crc32(content):08x}"
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{crc} {len(content)} {digest} {name}")
    total = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return [total, *lines]


def main(words):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--libraries", required=True, help="a folder to fill")
    parser.add_argument("--licenses", required=True, help="a folder to fill")
    parser.add_argument("--symbols", required=True, help="a folder to fill")
    parser.add_argument(
        "--baseline",
        action="append",
        default=[],
        help="the newest version that may be needed, as GLIBC_2.34",
    )
    parser.add_argument("library", nargs="+")
    arguments = parser.parse_args(words)
    folder = arguments.libraries
    for path in folder, arguments.licenses, arguments.symbols:
        os.makedirs(path, exist_ok=True)

    files = closure(arguments.library)
    ours = [os.path.basename(library) for library in arguments.library]
    for name, path in files.items():
        copy = os.path.join(folder, name)
        if name in ours:
            separate_symbols(path, copy, arguments.symbols)
        else:
            shutil.copyfile(path, copy)
    check_self_contained(folder, arguments.library)
    others = sorted(set(files) - set(ours))
    if others:
        copy_licenses([files[name] for name in others], arguments.licenses)
    write_lines(os.path.join(folder, "index.txt"), ours + others)
    write_lines(
        os.path.join(folder, "checksums.txt"), checksums(folder, ours + others)
    )
    versions = baseline_versions(files.values())
    if arguments.baseline:
        check_baseline(files.values(), versions, arguments.baseline)
    write_lines(os.path.join(folder, "baseline.txt"), versions)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BundleError as error:
        sys.exit(f"bundle: {error}")
