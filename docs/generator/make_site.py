#!/usr/bin/env python3
"""Makes the documentation as a site that needs no network.

  ./bazelw run //docs:site -- [--load] [DIR]

It has the guide, the design notes and the benchmarks, and the reference of C++
(Doxygen), Java (Javadoc) and .NET. Links between its pages are checked. Needs
the packages mkdocs-material and doxygen, which `./bazelw --config=ci` installs.

--load has each page loaded by a headless Chromium, which must ask no other host
for anything and find no error. `./bazelw --config=site` installs it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import check_links
import cpp_reference
import dotnet_reference
import load_pages

def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def stage(root, folder):
    """Copies all pages, and what they link to, by their paths."""
    names = subprocess.run(
        ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "*.md"],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.split()
    for name in names:
        if name.startswith("docs/generator/"):
            continue  # it gets its place there
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        text = read(os.path.join(root, name))

        def follow(match):
            # A folder has no page of its own unless it has a README.
            link = match[2]
            path = os.path.normpath(
                os.path.join(root, os.path.dirname(name), link)
            )
            if os.path.isdir(path):
                page = os.path.join(path, "README.md")
                if os.path.exists(page):
                    return f"[{match[1]}]({link.rstrip('/')}/README.md)"
                return match[1]
            if os.path.isfile(path) and not path.endswith(".md"):
                copy = os.path.join(folder, os.path.relpath(path, root))
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(path, copy)
            return match[0]

        text = re.sub(r"\[([^\]]+)\]\((?!\w+:)([^)#]+)\)", follow, text)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)


def unpack_javadoc(jar, out):
    with zipfile.ZipFile(jar) as file:
        file.extractall(out)
    # Its style asks for fonts that Debian's JDK does not have.
    style = out + "/stylesheet.css"
    if not os.path.exists(out + "/resources/fonts"):
        text = re.sub(r"@import url\('resources/fonts/[^']*'\);", "", read(style))
        with open(style, "w", encoding="utf-8") as file:
            file.write(text)


def main(config, reference, javadoc, *words):
    # The assembly's documentation is among its files.
    files = [word for word in words if "Asyncpal.out/" in word]
    words = [word for word in words if word not in files]
    [dotnet] = [file for file in files if file.endswith(".xml")]
    loads = "--load" in words
    words = [word for word in words if word != "--load"]
    if words and words[0].startswith("-"):
        print(__doc__)
        return
    root = os.environ.get("BUILD_WORKSPACE_DIRECTORY", os.getcwd())
    here = os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd())
    out = os.path.join(here, words[0] if words else "site")
    programs = {"mkdocs": "mkdocs-material", "doxygen": "doxygen"}
    if loads:
        programs["chromium"] = "chromium"
    for program, package in programs.items():
        if not shutil.which(program):
            sys.exit(f"site: there is no {program}: apt-get install {package}")
    with tempfile.TemporaryDirectory() as folder:
        pages = os.path.join(folder, "pages")
        stage(root, pages)
        os.makedirs(pages + "/reference")
        shutil.copyfile(reference, pages + "/reference/index.md")
        with open(pages + "/reference/dotnet.md", "w", encoding="utf-8") as file:
            file.write(dotnet_reference.make_page(dotnet))
        cpp_reference.make_pages(root, pages + "/reference/cpp")
        unpack_javadoc(javadoc, pages + "/reference/java")
        shutil.copyfile(config, folder + "/mkdocs.yml")
        with open(folder + "/mkdocs.yml", "a", encoding="utf-8") as file:
            file.write(f"docs_dir: {pages}\nsite_dir: {out}\n")
        subprocess.run(
            ["mkdocs", "build", "--strict", "--clean",
             "--quiet", "--config-file", folder + "/mkdocs.yml"],
            check=True,
            env=dict(os.environ, PYTHONWARNINGS="ignore"),
        )
    mistakes = check_links.check(out, ["reference/cpp/", "reference/java/"])
    if mistakes:
        sys.exit("site: " + "\nsite: ".join(mistakes))
    if loads:
        mistakes, count = load_pages.check(out)
        if mistakes or count == 0:
            sys.exit("site: " + "\nsite: ".join(mistakes or ["it has no page"]))
        print(f"{count} pages loaded without an error")
    print(f"open {out}/index.html")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"site: {error}")
