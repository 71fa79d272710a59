#!/usr/bin/env python3
"""Whether everything that is published bears the version in VERSION.

  version_test.py VERSION CHANGELOG HEADER README FILE...

The README is that of Java, which has what a pom needs; the FILEs are those of the Java package and of the NuGet package.
"""

import re
import sys
import unittest
import xml.etree.ElementTree
import zipfile

VERSION_FILE, CHANGELOG, HEADER, README, *FILES = sys.argv[1:]

with open(VERSION_FILE, encoding="utf-8") as file:
    VERSION = file.read().strip()
NUMBERS = VERSION.partition("-")[0]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def published(ending):
    """Returns the files whose names end so; there has to be one."""
    found = [path for path in FILES if path.endswith(ending)]
    if not found:
        raise ValueError(f"no *{ending} among {FILES}")
    return found


def member(path, name):
    with zipfile.ZipFile(path) as file:
        return file.read(name)


def elements(text):
    """Maps the last words of tags to texts, those that come first."""
    found = {}
    for node in xml.etree.ElementTree.fromstring(text).iter():
        found.setdefault(node.tag.rpartition("}")[2], node.text)
    return found


class VersionTest(unittest.TestCase):
    def test_is_semantic(self):
        self.assertRegex(VERSION, r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$")

    def test_changelog_has_what_is_next_or_released(self):
        self.assertRegex(
            read(CHANGELOG), rf"\n## \[(Unreleased|{re.escape(VERSION)})\]"
        )

    def test_header(self):
        macros = dict(re.findall(r"#define ASYNCPAL_VERSION_(\w+) (\d+)",
                                 read(HEADER)))
        self.assertEqual(
            ".".join(macros[name] for name in ["MAJOR", "MINOR", "PATCH"]),
            NUMBERS,
        )

    def test_readme(self):
        self.assertEqual(
            re.findall(r"<version>(.*)</version>", read(README)), [VERSION]
        )

    def test_names_of_published_files(self):
        for path in FILES:
            self.assertRegex(path, rf"[-.]{re.escape(VERSION)}[-.]\w")

    def test_pom(self):
        [pom] = published(".pom")
        facts = elements(read(pom))
        self.assertEqual(facts["version"], VERSION)
        self.assertEqual(facts["tag"], "v" + VERSION)

    def test_pom_says_what_repositories_ask_for(self):
        [pom] = published(".pom")
        facts = elements(read(pom))
        for name in ["name", "description", "url", "license", "developer",
                     "connection"]:
            self.assertIn(name, facts)

    def test_manifest(self):
        [jar] = published(f"-{VERSION}.jar")
        manifest = member(jar, "META-INF/MANIFEST.MF").decode()
        self.assertIn(f"Implementation-Version: {VERSION}\r\n", manifest)

    def test_nuspec(self):
        for package in published("nupkg"):
            facts = elements(member(package, "Asyncpal.nuspec"))
            self.assertEqual(facts["version"], VERSION)
            self.assertIn("repository", facts)

    def test_assembly(self):
        [package] = published(".nupkg")
        with zipfile.ZipFile(package) as file:
            [name] = [n for n in file.namelist() if n.endswith("/Asyncpal.dll")]
            assembly = file.read(name)
        for key, version in {
            "FileVersion": NUMBERS,
            "ProductVersion": VERSION,
            "Assembly Version": NUMBERS + ".0",
        }.items():
            start = assembly.index((key + "\0").encode("utf-16-le"))
            text = assembly[start:start + 200].decode("utf-16-le", "ignore")
            self.assertEqual(text[len(key):].strip("\0").split("\0")[0],
                             version)


class ContentsTest(unittest.TestCase):
    def test_symbols_are_beside_and_not_inside(self):
        for whole, symbols in [
            (published(f"-{VERSION}.jar"), published("-debug.jar")),
            (published(".nupkg"), published(".debug.zip")),
        ]:
            with zipfile.ZipFile(whole[0]) as file:
                names = file.namelist()
            self.assertFalse([n for n in names if n.endswith(".debug")])
            self.assertFalse([n for n in names if n.endswith(".pdb")])
            with zipfile.ZipFile(symbols[0]) as file:
                names = file.namelist()
            self.assertTrue([n for n in names if n.endswith(".debug")])
        with zipfile.ZipFile(published(".snupkg")[0]) as file:
            names = file.namelist()
        self.assertIn("lib/net10.0/Asyncpal.pdb", names)

    def test_native_code_is_optimized_and_has_lines(self):
        # What GCC was told is in the debug information.
        for path in published("-debug.jar") + published(".debug.zip"):
            with zipfile.ZipFile(path) as file:
                [name] = [n for n in file.namelist() if n.endswith(".debug")]
                debug = file.read(name)
            flags = set(re.findall(rb"GNU C\+\+20 [^\0]*", debug))
            self.assertTrue(flags)
            for words in flags:
                self.assertIn(b" -O2 ", words)
                self.assertIn(b" -g1 ", words)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
