#!/usr/bin/env python3
"""Whether a project file compiles the sources that a BUILD file lists.

usage: csproj_test.py PROJECT SOURCE...

The .cs files in the project's folder are here; of them the project takes all
but those that it removes. The SOURCEs are those of the BUILD file.
"""

import pathlib
import sys
import xml.etree.ElementTree


def removed(project):
  items = xml.etree.ElementTree.parse(project).iterfind("ItemGroup/Compile")
  names = ";".join(item.get("Remove", "") for item in items)
  return {project.parent / name for name in names.split(";") if name}


def main():
  project = pathlib.Path(sys.argv[1])
  listed = {pathlib.Path(source) for source in sys.argv[2:]}
  there = set(project.parent.rglob("*.cs"))
  gone = removed(project)
  mistakes = (
      [f"{file}: in the folder, but {project} and the BUILD file differ on it"
       for file in (there - gone) ^ listed if file in there] +
      [f"{file}: listed in the BUILD file, but not in the folder of {project}"
       for file in listed - there] +
      [f"{file}: removed by {project}, but not there" for file in gone - there])
  if not listed or not there:
    mistakes.append(f"{project}: there is nothing to compare")
  print("\n".join(sorted(mistakes)))
  sys.exit(1 if mistakes else 0)


main()
