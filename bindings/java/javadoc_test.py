#!/usr/bin/env python3
"""Checks that published Javadoc refers to nothing that is not on a page.

  javadoc_test.py PACKAGE PACKAGE_FILE...
"""

import html
import html.parser
import posixpath
import re
import sys
import unittest
import urllib.parse
import zipfile

PACKAGE, *FILES = sys.argv[1:]
JAVADOC = next(f for f in FILES if f.endswith("-javadoc.jar"))
SOURCES = next(f for f in FILES if f.endswith("-sources.jar"))


class Page(html.parser.HTMLParser):
    """What a page links to, what may be linked to on it, and its text."""

    def __init__(self, content):
        super().__init__()
        self.links = []
        self.anchors = set()
        self.words = []
        self.feed(content)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        for name in ("id", "name"):
            if name in attrs:
                self.anchors.add(attrs[name])
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])

    def handle_data(self, data):
        self.words.append(data)


def read_pages():
    with zipfile.ZipFile(JAVADOC) as jar:
        return {
            name: Page(jar.read(name).decode())
            for name in jar.namelist()
            if name.endswith(".html")
        }


def classes():
    """The names of all top-level classes of the package."""
    folder = PACKAGE.replace(".", "/") + "/"
    with zipfile.ZipFile(SOURCES) as jar:
        return {
            posixpath.basename(name)[: -len(".java")]
            for name in jar.namelist()
            if posixpath.dirname(name) + "/" == folder
            and not name.endswith("-info.java")
        }


class JavadocTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = read_pages()
        folder = PACKAGE.replace(".", "/")
        cls.own = {
            name: page
            for name, page in cls.pages.items()
            if posixpath.dirname(name) == folder
        }
        cls.documented = {
            posixpath.basename(name)[: -len(".html")].split(".")[0]
            for name in cls.own
        }

    def test_there_are_pages_and_classes_without(self):
        self.assertIn("Pool", self.documented)
        self.assertIn("PoolMaps", self.documented)
        self.assertIn("MapForm", classes() - self.documented)

    def test_every_link_leads_to_a_place_on_a_page(self):
        broken = []
        for name, page in self.pages.items():
            for link in page.links:
                url = urllib.parse.urlparse(link)
                if url.scheme:
                    continue
                path = urllib.parse.unquote(url.path)
                target = (
                    posixpath.normpath(
                        posixpath.join(posixpath.dirname(name), path)
                    )
                    if path
                    else name
                )
                if not target.endswith(".html"):
                    continue
                anchor = urllib.parse.unquote(url.fragment)
                if target not in self.pages:
                    broken.append(f"{name}: no page {target}")
                elif anchor and anchor not in self.pages[target].anchors:
                    broken.append(f"{name}: no {anchor} on {target}")
        self.assertEqual(broken, [])

    def test_no_page_names_a_class_that_has_none(self):
        hidden = classes() - self.documented
        # Words of plain English that happen to be classes, too.
        qualified = re.compile(
            re.escape(PACKAGE) + r"\.(" + "|".join(hidden) + r")\b"
        )
        code = re.compile(r"<code>(" + "|".join(hidden) + r")\b[^<]*</code>")
        named = []
        with zipfile.ZipFile(JAVADOC) as jar:
            for name, page in self.own.items():
                content = html.unescape(jar.read(name).decode())
                named += [
                    f"{name}: {match.group(1)}"
                    for match in (
                        *qualified.finditer(page.text),
                        *code.finditer(content),
                    )
                ]
        self.assertEqual(named, [])

    def test_no_page_refers_to_text_above_or_below(self):
        # On a page of its own, a method has nothing above it.
        vague = re.compile(r"[^.]*\b(?:see|as said|said) (?:above|below)[^.]*")
        self.assertEqual(
            [
                f"{name}: {match.group()}"
                for name, page in self.own.items()
                for match in vague.finditer(page.text)
            ],
            [],
        )

    def test_the_package_and_its_classes_say_what_they_are(self):
        summary = self.pages[PACKAGE.replace(".", "/") + "/package-summary.html"]
        self.assertIn("whose queues and workers are native", summary.text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
