#!/usr/bin/env python3
"""Shows a trace in speedscope, in a headless Chromium, and makes a picture of it.

  speedscope FILE... run.json picture.png [LANE]

The files are speedscope's, and an error.txt, which says why there are none. LANE is
a part of the name of the lane to show, by default the first one.
"""

import base64
import os
import shutil
import sys
import tempfile
import time

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.append(os.path.join(_HERE, "../../docs/generator"))
import load_pages  # pylint: disable=wrong-import-position

_LIMIT = 120  # seconds for one step; machines are slow
_SIZE = {"width": 1000, "height": 420}
# It draws by WebGL; there need be no graphics card.
_FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

# The page has no names to find things by: it is known what they say.
_TITLE = r"""
  [...document.querySelectorAll("span")].find(
    span => /^.+ [(]\d+[/]\d+[)]$/.test(span.textContent))
"""
_LANES = """
  [...document.querySelectorAll("div[title]")].map(lane => lane.title)
"""


def unavailable(files):
    """Why there is nothing to show a trace with; or an empty string."""
    [error] = [path for path in files if path.endswith("/error.txt")]
    with open(error, encoding="utf-8") as file:
        return file.read()


def _warning(event):
    """What it finds wrong with the trace, or None."""
    if event["method"] != "Runtime.consoleAPICalled":
        return None
    text = " ".join(str(arg.get("value")) for arg in event["params"]["args"])
    # The end of a slice has arguments of its own, as Chrome's format says.
    is_of_arguments = text.startswith("ts=") and " instead." in text \
        and "Doing nothing" not in text
    if event["params"]["type"] != "warning" or is_of_arguments:
        return None
    return f"warns: {text}"


class Speedscope:
    """The page, with a trace.

    With `with`; `mistakes` has sentences on what has gone wrong.
    """

    def __init__(self, files, trace):
        self._folder = tempfile.mkdtemp()
        release = os.path.dirname(
            next(path for path in files if path.endswith("/release/index.html"))
        )
        site = os.path.join(self._folder, "site")
        shutil.copytree(release, site)
        shutil.copyfile(trace, os.path.join(site, "run.json"))
        self._server, self._origin = load_pages.serve(site)
        self._browser = load_pages.Browser(
            shutil.which("chromium"), os.path.join(self._folder, "home"), _FLAGS
        )
        self.mistakes = []

    def __enter__(self):
        self._tab = self._browser.open_tab()
        self._browser.call(
            "Emulation.setDeviceMetricsOverride", self._tab,
            deviceScaleFactor=1, mobile=False, **_SIZE,
        )
        self._browser.call(
            "Page.navigate", self._tab,
            url=f"{self._origin}/index.html#profileURL={self._origin}/run.json",
        )
        self._await(_TITLE + " !== undefined")
        return self

    def __exit__(self, *_):
        self._browser.close()
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def lanes(self):
        """The names of the lanes, as its menu has them."""
        return self._browser.evaluate(self._tab, _LANES)

    def title(self):
        """The name of the lane that it shows."""
        return self._browser.evaluate(self._tab, _TITLE + ".textContent")

    def show(self, lane):
        """Shows the first lane that has this in its name."""
        self._press(_TITLE)
        name = next(name for name in self.lanes() if lane in name)
        self._press(
            '[...document.querySelectorAll("div[title]")].find('
            f"lane => lane.title === {name!r})"
        )
        self._await(f"{_TITLE}.textContent.startsWith({name!r})")

    def open_menu(self):
        """Shows the names of the lanes over the lane."""
        self._press(_TITLE)
        self._await('document.querySelector("input") !== null')

    def picture(self):
        """What is to be seen, as a PNG."""
        # Two frames later it has drawn what it was told.
        self._browser.evaluate(
            self._tab,
            "new Promise(drawn => requestAnimationFrame("
            "() => requestAnimationFrame(drawn)))",
        )
        shot = self._browser.call("Page.captureScreenshot", self._tab, format="png")
        return base64.b64decode(shot["data"])

    def _press(self, element):
        x, y = self._browser.evaluate(
            self._tab,
            f"""(() => {{
              const box = ({element}).getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            }})()""",
        )
        for kind in "mouseMoved", "mousePressed", "mouseReleased":
            self._browser.call(
                "Input.dispatchMouseEvent", self._tab,
                type=kind, x=x, y=y, button="left", clickCount=1,
            )

    def _await(self, condition):
        deadline = time.monotonic() + _LIMIT
        while not self._browser.evaluate(self._tab, condition):
            self._note_mistakes()
            if self.mistakes or time.monotonic() > deadline:
                sys.exit(f"speedscope: {self.mistakes or condition}")
            time.sleep(0.05)
        self._note_mistakes()

    def _note_mistakes(self):
        for event in self._browser.take_events():
            mistake = load_pages.mistake_of(event, self._origin) or _warning(event)
            if mistake:
                self.mistakes.append(mistake)


def main(arguments):
    split = next(i for i, path in enumerate(arguments) if path.endswith(".json")
                 and "/node_modules/" not in path)
    files, (trace, picture, *lane) = arguments[:split], arguments[split:]
    error = unavailable(files)
    if error:
        sys.exit(f"speedscope: {error}")
    home = os.environ.get("BUILD_WORKING_DIRECTORY", ".")
    with Speedscope(files, os.path.join(home, trace)) as page:
        if lane:
            page.show(lane[0])
        page.open_menu()
        with open(os.path.join(home, picture), "wb") as file:
            file.write(page.picture())


if __name__ == "__main__":
    main(sys.argv[1:])
