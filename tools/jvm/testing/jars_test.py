#!/usr/bin/env python3
"""Tests jar.py, and jars that the rules have made.

  jars_test.py JAR_TOOL GREETER GREETER_AGAIN PACKAGE_FILE...
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
import zipfile

TOOL, GREETER, GREETER_AGAIN, *PACKAGE = map(os.path.abspath, sys.argv[1:])
MAVEN = "{http://maven.apache.org/POM/4.0.0}"


def package_file(name):
    return next(f for f in PACKAGE if os.path.basename(f) == name)


def entries(path):
    with zipfile.ZipFile(path) as jar:
        return jar.namelist()


def content(path, entry):
    with zipfile.ZipFile(path) as jar:
        return jar.read(entry).decode()


class RuleTest(unittest.TestCase):
    def test_jars_of_the_same_sources_are_the_same(self):
        with open(GREETER, "rb") as one, open(GREETER_AGAIN, "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_package_jar_has_classes_natives_and_licenses(self):
        names = entries(package_file("greeter-1.2.3.jar"))
        self.assertEqual(names[0], "META-INF/MANIFEST.MF")
        for name in [
            "META-INF/LICENSE",
            "META-INF/licenses/libabsl20220623/copyright",
            "META-INF/maven/io.asyncpal.tools/greeter/pom.xml",
            "META-INF/native/linux-x86_64/index.txt",
            "META-INF/native/linux-x86_64/libgreeter.so",
            "io/asyncpal/tools/testing/Greeter.class",
            "io/asyncpal/tools/testing/greeting.txt",
        ]:
            self.assertIn(name, names)
        self.assertIn(
            "Automatic-Module-Name: io.asyncpal.tools.testing\r\n",
            content(package_file("greeter-1.2.3.jar"), names[0]),
        )

    def test_sources_jar_has_sources_by_package(self):
        self.assertEqual(
            entries(package_file("greeter-1.2.3-sources.jar"))[1:],
            ["META-INF/LICENSE", "io/asyncpal/tools/testing/Greeter.java"],
        )

    def test_javadoc_jar_documents_public_classes(self):
        jar = package_file("greeter-1.2.3-javadoc.jar")
        page = content(jar, "io/asyncpal/tools/testing/Greeter.html")
        self.assertIn("Greets someone.", page)
        self.assertNotIn("loadFromJar", page)

    def test_pom_names_the_artifact(self):
        pom = package_file("greeter-1.2.3.pom")
        root = xml.etree.ElementTree.parse(pom).getroot()
        self.assertEqual(root.tag, MAVEN + "project")
        for name, text in {
            "groupId": "io.asyncpal.tools",
            "artifactId": "greeter",
            "version": "1.2.3",
            "description": "Greets <anybody> & everybody.",
        }.items():
            self.assertEqual(root.findtext(MAVEN + name), text)
        self.assertEqual(root.findtext(f".//{MAVEN}license/{MAVEN}name"), "MIT")


class ToolTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.jar = os.path.join(self.folder, "out.jar")

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run_tool(self, *words):
        return subprocess.run(
            [TOOL, "--output", self.jar, *words],
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
        )

    def check(self, *words):
        self.assertEqual(self.run_tool(*words).stderr, "")

    def refused(self, *words):
        result = self.run_tool(*words)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        return result.stderr

    def test_entries_are_sorted_and_bear_one_date(self):
        b, a = self.file("b", ""), self.file("a", "")
        self.check("--file", "b=" + b, "--file", "a=" + a)
        with zipfile.ZipFile(self.jar) as jar:
            infos = jar.infolist()
        self.assertEqual(
            [info.filename for info in infos],
            ["META-INF/MANIFEST.MF", "a", "b"],
        )
        self.assertEqual(
            {info.date_time for info in infos}, {(1980, 1, 1, 0, 0, 0)}
        )

    def test_long_lines_of_the_manifest_are_split(self):
        self.check("--manifest", "Name: " + 200 * "x")
        text = content(self.jar, "META-INF/MANIFEST.MF")
        self.assertTrue(all(len(line) <= 72 for line in text.split("\r\n")))
        self.assertIn("Name: " + 200 * "x", text.replace("\r\n ", ""))

    def test_source_goes_where_its_package_says(self):
        source = self.file("X.java", "/** package no; */\npackage a.b;\n")
        self.check("--source", source)
        self.assertIn("a/b/X.java", entries(self.jar))

    def test_source_without_package_is_refused(self):
        source = self.file("X.java", "class X {}")
        self.assertIn("X.java has no package", self.refused("--source", source))

    def test_two_files_of_one_name_are_refused(self):
        one, other = self.file("one", "1"), self.file("other", "2")
        words = ["--file", "x=" + one, "--file", "x=" + other]
        self.assertRegex(self.refused(*words), "one and .*other both have a x")

    def test_the_same_file_twice_is_one(self):
        one = self.file("one", "1")
        self.check("--file", "x=" + one, "--file", "x=" + one)
        self.assertEqual(entries(self.jar), ["META-INF/MANIFEST.MF", "x"])

    def test_merged_jars_lose_their_manifests(self):
        self.check("--jar", GREETER, "--manifest", "A: b")
        self.assertIn("A: b", content(self.jar, "META-INF/MANIFEST.MF"))
        self.assertEqual(entries(self.jar), entries(GREETER))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
