#!/usr/bin/env python3
"""Whether MODULE.bazel and WORKSPACE declare the same.

  module_test.py VERSION MODULE.bazel repositories.bzl...
"""

import re
import sys
import unittest

VERSION, MODULE, *WORKSPACE = sys.argv[1:]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class ModuleTest(unittest.TestCase):
    def setUp(self):
        self.module = read(MODULE)
        self.workspace = "\n".join(map(read, WORKSPACE))

    def test_version_is_that_of_the_file(self):
        self.assertEqual(
            re.search(r'^    version = "(.+)",$', self.module, re.M)[1],
            read(VERSION).strip(),
        )

    def test_uses_every_repository_that_is_made_on_the_machine(self):
        made = set(re.findall(r'name = "(asyncpal_\w+)"', self.workspace))
        used = set(re.findall(r'^    "(asyncpal_\w+)",$', self.module, re.M))
        self.assertTrue(made)
        self.assertEqual(made, used)

    def test_depends_on_what_has_a_stand_in(self):
        stand_ins = set(re.findall(r'^    "(\w+)": \{$', self.workspace, re.M))
        # Newer ones have it inside.
        stand_ins.discard("remote_coverage_tools")
        names = set(re.findall(r'bazel_dep\(name = "([\w-]+)"', self.module))
        self.assertTrue(stand_ins)
        self.assertLessEqual(stand_ins, names)
        # And on the libraries, by the registry's names.
        self.assertLessEqual({"abseil-cpp", "capnp-cpp", "googletest"}, names)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
