#!/usr/bin/env python3
"""Installs Asyncpal for C++ programs of any build system.

Below PREFIX it puts

  include/asyncpal/             the headers
  lib/libasyncpal.so, .a        the shared and the static library
  lib/libasyncpal_main.a        what acts before and after a program's main();
                                a program links it with either library
  lib/pkgconfig/                asyncpal.pc, asyncpal-static.pc
  lib/cmake/asyncpal/           for find_package(Asyncpal)
  lib/asyncpal.args             the options that a compiler alone needs
  share/doc/asyncpal/

and then a program is built by one of

  CMake        find_package(Asyncpal REQUIRED)
               target_link_libraries(app asyncpal::process_pool)
  pkg-config   g++ -std=c++20 app.cc $(pkg-config --cflags --libs asyncpal)
  g++ alone    g++ -std=c++20 app.cc @PREFIX/lib/asyncpal.args

The folder may be moved afterwards, but for asyncpal.args. To remove it again,
run this with --uninstall.
"""

import argparse
import os
import shutil
import subprocess
import sys


def parse(words):
    parser = argparse.ArgumentParser(
        prog="./bazelw run //tools/install --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--prefix",
        required=True,
        help="where programs find it, such as /usr/local; relative paths are "
        "those of the folder that you are in",
    )
    parser.add_argument(
        "--destdir",
        default="",
        help="put it below this folder instead, for makers of packages",
    )
    parser.add_argument(
        "--uninstall",
        action="store_true",
        help="remove the files that an installation has put there",
    )
    return parser.parse_args(words)


def files_below(folder):
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(parent, name), folder)


def write_arguments(prefix, home):
    """Writes what the compiler is told, of the static library."""
    folder = home + "/lib/pkgconfig"
    words = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "asyncpal-static"],
        check=True, stdout=subprocess.PIPE, text=True,
        env=dict(os.environ, PKG_CONFIG_PATH=folder),
    ).stdout.replace(folder + "/../..", prefix).split()
    with open(home + "/lib/asyncpal.args", "w", encoding="utf-8") as file:
        file.writelines(word + "\n" for word in words)


def install(sdk, prefix, home):
    for name in files_below(sdk):
        target = os.path.join(home, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.lexists(target):
            os.remove(target)
        shutil.copyfile(
            os.path.join(sdk, name), target, follow_symlinks=False
        )
        if not os.path.islink(target):
            os.chmod(target, 0o644)
    write_arguments(prefix, home)


def uninstall(sdk, home):
    for name in [*files_below(sdk), "lib/asyncpal.args"]:
        target = os.path.join(home, name)
        if os.path.lexists(target):
            os.remove(target)
        folder = os.path.dirname(target)
        while folder != home and os.path.isdir(folder):
            if os.listdir(folder):
                break
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def main(sdk, *words):
    arguments = parse(words)
    sdk = os.path.abspath(sdk)
    # `bazel run` says where it was called.
    here = os.environ.get("BUILD_WORKING_DIRECTORY", os.getcwd())
    prefix = os.path.normpath(os.path.join(here, arguments.prefix))
    home = prefix
    if arguments.destdir:
        home = os.path.normpath(
            os.path.join(here, arguments.destdir) + "/" + prefix
        )
    try:
        if arguments.uninstall:
            uninstall(sdk, home)
            print(f"removed from {home}")
        else:
            install(sdk, prefix, home)
            print(f"installed to {home}")
    except OSError as error:
        sys.exit(f"install: {error}; name a --prefix that you may write to")


if __name__ == "__main__":
    main(*sys.argv[1:])
