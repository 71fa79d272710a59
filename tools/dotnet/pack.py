#!/usr/bin/env python3
"""Makes a NuGet package: pack.py <output> <manifest> [<status>]

The manifest is JSON: "metadata" goes into the .nuspec, "dependencies" maps ids
of packages to versions, "files" maps paths in the package to files, "folders"
paths to lists of folders; lists of libraries, as those of tools/native, are left
out. Without metadata it is an ordinary zip
file. Bazel's file of the workspace's status names the commit. Equal inputs give
equal bytes.
"""

import json
import os
import sys
import xml.etree.ElementTree as xml
import zipfile

# Of tools/native: for the loaders of other languages, and for readers.
_LISTS = {"baseline.txt", "index.txt"}

_NUSPEC = "http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_TYPES = {
    "nuspec": "application/octet",
    "rels": "application/vnd.openxmlformats-package.relationships+xml",
}


def to_bytes(root):
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root)


def make_nuspec(metadata, framework, needed, commit):
    root = xml.Element("package", xmlns=_NUSPEC)
    node = xml.SubElement(root, "metadata")
    for key, value in metadata.items():
        child = xml.SubElement(node, key)
        if key == "repository":
            child.set("type", "git")
            child.set("url", value)
            if commit:
                child.set("commit", commit)
        elif key == "packageTypes":
            xml.SubElement(child, "packageType", name=value)
        else:
            child.text = value
        if key == "license":
            child.set("type", "expression")
    # Without this, NuGet asks whether a group for the framework is missing.
    dependencies = xml.SubElement(node, "dependencies")
    group = xml.SubElement(dependencies, "group", targetFramework=framework)
    for package, version in sorted(needed.items()):
        xml.SubElement(group, "dependency", id=package, version=version)
    return to_bytes(root)


def make_relationships(nuspec):
    root = xml.Element("Relationships", xmlns=_PACKAGE + "relationships")
    xml.SubElement(
        root,
        "Relationship",
        Type="http://schemas.microsoft.com/packaging/2010/07/manifest",
        Target="/" + nuspec,
        Id="nuspec",
    )
    return to_bytes(root)


def make_content_types(paths):
    root = xml.Element("Types", xmlns=_PACKAGE + "content-types")
    extensions = {os.path.splitext(path)[1][1:] for path in paths}
    for extension in sorted(extensions - {""}):
        content = _TYPES.get(extension, "application/octet")
        xml.SubElement(
            root, "Default", Extension=extension, ContentType=content
        )
    for path in sorted(paths):
        if "." not in os.path.basename(path):
            xml.SubElement(
                root,
                "Override",
                PartName="/" + path,
                ContentType="application/octet",
            )
    return to_bytes(root)


def list_files(manifest):
    """Yields pairs of a path in the package and a file."""
    yield from manifest["files"].items()
    for place, roots in manifest["folders"].items():
        for root in roots:
            for folder, _, names in sorted(os.walk(root)):
                for name in sorted(set(names) - _LISTS):
                    path = os.path.join(folder, name)
                    relative = os.path.relpath(path, root)
                    yield os.path.join(place, relative), path


def read_commit(status):
    """Returns the commit that a status file names, or None."""
    with open(status, encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return dict(line for line in lines if len(line) == 2).get("STABLE_COMMIT")


def main(output, manifest, status=None):
    with open(manifest, encoding="utf-8") as file:
        manifest = json.load(file)
    parts = {}
    if metadata := manifest["metadata"]:
        nuspec = metadata["id"] + ".nuspec"
        commit = read_commit(status) if status else None
        parts = {
            "_rels/.rels": make_relationships(nuspec),
            nuspec: make_nuspec(
                metadata,
                manifest["framework"],
                manifest["dependencies"],
                commit,
            ),
        }
    for path, source in list_files(manifest):
        if path in parts:
            sys.exit("two files want to be %s in %s" % (path, output))
        with open(source, "rb") as file:
            parts[path] = file.read()
    if metadata:
        parts["[Content_Types].xml"] = make_content_types(parts)
    with zipfile.ZipFile(output, "w") as package:
        for path in sorted(parts):
            entry = zipfile.ZipInfo(path)  # of 1980, the first year of zip
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            package.writestr(entry, parts[path])


if __name__ == "__main__":
    main(*sys.argv[1:])
