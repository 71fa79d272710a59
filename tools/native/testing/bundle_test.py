#!/usr/bin/env python3
"""Tests bundle.py, and a folder that it has made.

  bundle_test.py BUNDLE FOLDER JOIN LENGTH JOIN_WITHOUT_RUN_PATH
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zlib

TOOL, FOLDER, JOIN, LENGTH, WITHOUT_RUN_PATH = map(
    os.path.abspath, sys.argv[1:6]
)
SYMBOLS = FOLDER + "_symbols"

# Loads a library in a fresh process, and prints the files behind its memory.
LOAD = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
assert library.Length(b"ab", b"cde") == 5
print(open("/proc/self/maps").read())
"""

# Loads and unloads a library, and prints the files behind the memory then.
UNLOAD = """
import _ctypes, sys
_ctypes.dlclose(_ctypes.dlopen(sys.argv[1]))
print(open("/proc/self/maps").read())
"""


def readelf(option, file):
    return subprocess.run(
        ["readelf", "--wide", option, file],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
    ).stdout


def run(program, library):
    """Runs one of the programs above, and returns the paths that it prints."""
    maps = subprocess.run(
        ["python3", "-c", program, library],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
        timeout=30,
    ).stdout
    return {line.split()[-1] for line in maps.splitlines() if "/" in line}


class FolderTest(unittest.TestCase):
    def test_index_names_every_library_and_ours_first(self):
        with open(os.path.join(FOLDER, "index.txt")) as index:
            names = index.read().splitlines()
        self.assertEqual(names[:2], ["libjoin.so", "liblength.so"])
        lists = {"index.txt", "checksums.txt", "baseline.txt"}
        self.assertEqual(set(names) | lists, set(os.listdir(FOLDER)))

    def test_checksums_are_those_of_the_files(self):
        with open(os.path.join(FOLDER, "checksums.txt")) as checksums:
            total, *lines = checksums.read().splitlines()
        with open(os.path.join(FOLDER, "index.txt")) as index:
            names = index.read().splitlines()
        self.assertEqual([line.split(" ")[3] for line in lines], names)
        self.assertRegex(total, "^[0-9a-f]{64}$")
        for crc, size, digest, name in (line.split(" ") for line in lines):
            with open(os.path.join(FOLDER, name), "rb") as file:
                content = file.read()
            self.assertEqual(int(crc, 16), zlib.crc32(content))
            self.assertEqual(int(size), len(content))
            self.assertEqual(digest, hashlib.sha256(content).hexdigest())

    def test_holds_what_is_needed_but_not_the_baseline(self):
        names = {name.split(".so")[0] for name in os.listdir(FOLDER)}
        # The second one is needed by the first one only.
        self.assertLessEqual(
            {"libabsl_strings", "libabsl_strings_internal"}, names
        )
        self.assertFalse({"libc", "libstdc++", "libgcc_s"} & names)

    def test_baseline_tells_the_newest_versions(self):
        with open(os.path.join(FOLDER, "baseline.txt")) as baseline:
            lines = baseline.read().splitlines()
        families = [line.rpartition("_")[0] for line in lines]
        self.assertIn("libc.so.6 GLIBC", families)
        self.assertIn("libstdc++.so.6 GLIBCXX", families)
        self.assertEqual(len(families), len(set(families)))

    def test_nothing_comes_from_the_system_when_loaded(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            copy = shutil.copytree(FOLDER, os.path.join(elsewhere, "copy"))
            paths = run(LOAD, os.path.join(copy, "liblength.so"))
        absl = [path for path in paths if "libabsl" in path]
        self.assertTrue(absl)
        for path in absl:
            self.assertEqual(os.path.dirname(path), os.path.realpath(copy))

    def test_ours_are_stripped_and_the_symbols_beside(self):
        for name in ["libjoin.so", "liblength.so"]:
            library = os.path.join(FOLDER, name)
            self.assertNotIn(".symtab", readelf("--sections", library))
            build_id = re.search(
                r"Build ID: (\w\w)(\w+)", readelf("--notes", library)
            )
            symbols = os.path.join(
                SYMBOLS, ".build-id", build_id[1], build_id[2] + ".debug"
            )
            self.assertIn(".symtab", readelf("--sections", symbols))

    def test_stays_when_it_is_unloaded(self):
        library = os.path.realpath(os.path.join(FOLDER, "liblength.so"))
        self.assertIn(library, run(UNLOAD, library))


class ErrorTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def bundle(self, *libraries, options=()):
        """Copies libraries into one folder, bundles the last, returns what
        that says."""
        copies = [shutil.copy(library, self.folder) for library in libraries]
        result = subprocess.run(
            [
                TOOL,
                *("--libraries", os.path.join(self.folder, "out")),
                *("--licenses", os.path.join(self.folder, "licenses")),
                *("--symbols", os.path.join(self.folder, "symbols")),
                *options,
                copies[-1],
            ],
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
        )
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        return result.stderr

    def test_needed_library_that_is_nowhere(self):
        self.assertIn(
            "liblength.so needs libjoin.so, which the loader does not find",
            self.bundle(LENGTH),
        )

    def test_needed_library_of_no_package(self):
        self.assertRegex(
            self.bundle(JOIN, LENGTH), "no Debian package has .*/libjoin.so"
        )

    def test_library_that_does_not_look_beside_itself(self):
        self.assertRegex(
            self.bundle(WITHOUT_RUN_PATH),
            "would load /.*libabsl.*: link it with -Wl,-rpath",
        )

    def test_version_beyond_the_baseline(self):
        self.assertRegex(
            self.bundle(JOIN, options=["--baseline", "GLIBC_2.2.4"]),
            r"libc.so.6 GLIBC_2\.\d+ is needed, and the baseline ends at "
            r"GLIBC_2\.2\.4: .*libabsl_.* uses ",
        )

    def test_version_of_a_family_without_baseline(self):
        self.assertRegex(
            self.bundle(JOIN, options=["--baseline", "GLIBC_2.999"]),
            "is needed, and the baseline has no ",
        )

    def test_file_that_is_no_library(self):
        self.assertRegex(
            self.bundle(__file__), "'ldd .*/bundle_test' failed: not a dynamic"
        )


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
