#!/usr/bin/env python3
"""Writes a jar whose bytes depend on nothing but its contents.

Entries are sorted by name and bear one date. Two different files under one
name are an error, and so is a source file in no package.
"""

import argparse
import os
import re
import sys
import zipfile

# The first date that a zip file can hold.
_DATE = (1980, 1, 1, 0, 0, 0)
_MANIFEST = "META-INF/MANIFEST.MF"
_PACKAGE = re.compile(rb"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)


def parse_arguments(words):
    parser = argparse.ArgumentParser(
        description=__doc__, fromfile_prefix_chars="@"
    )

    def repeated(flag, text):
        parser.add_argument(flag, action="append", default=[], help=text)

    parser.add_argument("--output", required=True, help="the jar to write")
    repeated("--manifest", "a 'Name: value' of the manifest")
    repeated("--file", "PATH=FILE, one entry of the jar")
    repeated("--folder", "PREFIX=FOLDER, whose files get below that prefix")
    repeated("--source", "a Java file; its package tells its path")
    repeated("--jar", "a jar, whose entries but the manifest are copied")
    return parser.parse_args(words)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files_below(folder):
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            yield os.path.relpath(path, folder), path


def source_path(path, text):
    package = _PACKAGE.search(text)
    if not package:
        raise ValueError(f"{path} has no package statement")
    folder = package[1].decode().replace(".", "/")
    return f"{folder}/{os.path.basename(path)}"


def entries(arguments):
    """Yields each entry's name, its contents and where they come from."""
    for word in arguments.file:
        name, _, path = word.partition("=")
        yield name, read(path), path
    for word in arguments.folder:
        prefix, _, folder = word.partition("=")
        for name, path in files_below(folder):
            yield prefix + name, read(path), path
    for path in arguments.source:
        text = read(path)
        yield source_path(path, text), text, path
    for path in arguments.jar:
        with zipfile.ZipFile(path) as jar:
            for name in jar.namelist():
                if name != _MANIFEST and not name.endswith("/"):
                    yield name, jar.read(name), path


def collect(arguments):
    contents, origins = {}, {}
    for name, content, origin in entries(arguments):
        if contents.setdefault(name, content) != content:
            raise ValueError(
                f"{origins[name]} and {origin} both have a {name}, "
                "and they differ"
            )
        origins[name] = origin
    return contents


def manifest(lines):
    """Returns a manifest, with lines of 72 bytes at most."""
    text = b""
    for line in ["Manifest-Version: 1.0", *lines]:
        rest = line.encode()
        text += rest[:72] + b"\r\n"
        rest = rest[72:]
        while rest:
            text += b" " + rest[:71] + b"\r\n"
            rest = rest[71:]
    return text + b"\r\n"


def write(path, lines, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as jar:
        # The manifest comes first: some readers look nowhere else for it.
        for name, content in [
            (_MANIFEST, manifest(lines)),
            *sorted(contents.items()),
        ]:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix
            info.external_attr = 0o644 << 16
            jar.writestr(info, content)


def main(words):
    arguments = parse_arguments(words)
    write(arguments.output, arguments.manifest, collect(arguments))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"jar: {error}")
