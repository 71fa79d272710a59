"""Whether the pages of a site name only what is there."""

import html.parser
import os
import urllib.parse

# What a browser asks for by itself.
_LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class _Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        for name in "id", "name":
            if attrs.get(name):
                self.anchors.add(attrs[name])
        if tag == "a" and attrs.get("href"):
            self.links.append(attrs["href"])
        if attrs.get(_LOADED.get(tag)) and attrs.get("rel") != "canonical":
            self.loaded.append(attrs[_LOADED[tag]])


def _pages(folder):
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".html"):
                path = os.path.join(parent, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield os.path.realpath(path), _Page(file.read())


def check(folder, generated):
    """Returns sentences on what is wrong.

    Args:
      folder: of the site.
      generated: folders in it whose pages others have made; of these only what
        they load is looked at.
    """
    pages = dict(_pages(folder))
    mistakes = []
    for path, page in sorted(pages.items()):
        name = os.path.relpath(path, os.path.realpath(folder))
        for url in page.loaded:
            if urllib.parse.urlparse(url).netloc:
                mistakes.append(f"{name} loads {url} from another host")
        if name.startswith(tuple(generated)):
            continue
        for url in page.links + page.loaded:
            parts = urllib.parse.urlparse(url)
            if parts.scheme or parts.netloc:
                continue
            target = path
            if parts.path:
                words = urllib.parse.unquote(parts.path)
                start = folder if words[0] == "/" else os.path.dirname(path)
                target = os.path.realpath(start + "/" + words)
            if not os.path.exists(target):
                mistakes.append(f"{name} links to {url}, which is not there")
            elif (parts.fragment and target in pages and
                  urllib.parse.unquote(parts.fragment) not in
                  pages[target].anchors):
                mistakes.append(f"{name} links to {url}, which has no such part")
    return mistakes
