#!/usr/bin/env python3
"""Lays out a repository that Maven and Gradle resolve one artifact from.

  maven_repository.py FOLDER GROUP ARTIFACT VERSION FILE...

Each FILE is <ARTIFACT>-<VERSION> with any ending. Every file has its checksums
beside it, and the artifact a list of its versions, as in a remote repository.
"""

import hashlib
import os
import re
import sys

# Maven reads the first that it knows; all four are what is uploaded.
_CHECKSUMS = ["md5", "sha1", "sha256", "sha512"]

_METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<metadata>
  <groupId>{group}</groupId>
  <artifactId>{artifact}</artifactId>
  <versioning>
    <latest>{version}</latest>
    <release>{version}</release>
    <versions>
      <version>{version}</version>
    </versions>
    <lastUpdated>19800101000000</lastUpdated>
  </versioning>
</metadata>
"""


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    for name in _CHECKSUMS:
        with open(f"{path}.{name}", "w", encoding="ascii") as file:
            file.write(hashlib.new(name, content).hexdigest())


def main(folder, group, artifact, version, *files):
    home = os.path.join(folder, *group.split("."), artifact)
    stem = f"{artifact}-{version}"
    for path in files:
        name = os.path.basename(path)
        if not re.match(re.escape(stem) + r"[-.]", name):
            sys.exit(f"maven_repository: {path} is not {stem}-* or {stem}.*")
        with open(path, "rb") as file:
            write(os.path.join(home, version, name), file.read())
    metadata = _METADATA.format(
        group=group, artifact=artifact, version=version
    )
    write(os.path.join(home, "maven-metadata.xml"), metadata.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
