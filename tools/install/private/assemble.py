#!/usr/bin/env python3
"""Makes the folder that is installed: assemble.py MANIFEST FOLDER

  include/                     the headers
  lib/libasyncpal.a            the static library
  lib/libasyncpal.so.0.1       the shared one, with its links
  lib/libasyncpal_main.a       what acts before and after a program's main()
  lib/pkgconfig/               asyncpal.pc, asyncpal-static.pc
  lib/cmake/asyncpal/          AsyncpalConfig.cmake and its version file
  share/doc/asyncpal/

It can be anywhere: what is in it finds the rest by its own place.
"""

import json
import os
import shutil
import subprocess
import sys


def run(*command, **kwargs):
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        **kwargs,
    )
    if result.returncode != 0:
        sys.exit(f"'{' '.join(command)}' failed:\n{result.stdout}")
    return result.stdout


def soname_version(version):
    """Until 1.0, each minor version may break what is linked with another."""
    major, minor, _ = version.partition("-")[0].split(".")
    return f"{major}.{minor}" if major == "0" else major


def make_archive(ar, strip, path, archives):
    # Members of several archives may have one name, which a script allows.
    script = [f"CREATE {path}"] + [f"ADDLIB {file}" for file in archives]
    run(ar, "-M", input="\n".join(script + ["SAVE", "END"]) + "\n")
    run(strip, "--strip-debug", "--enable-deterministic-archives", path)
    # The index, with the date that makes equal inputs equal bytes.
    run(ar, "sD", path)


def make_shared(manifest, lib):
    name = "libasyncpal.so." + soname_version(manifest["version"])
    path = os.path.join(lib, name)
    run(
        manifest["compiler"],
        "-shared",
        "-o",
        path,
        f"-Wl,-soname,{name}",
        "-Wl,--version-script=" + manifest["exports"],
        "-Wl,--build-id",
        "-Wl,-z,relro,-z,now,-z,nodelete",
        "-Wl,--whole-archive",
        *manifest["archives"],
        "-Wl,--no-whole-archive,--as-needed",
        *pkg_config("--libs", manifest["system"]).split(),
        "-lstdc++",
        "-lm",
    )
    run(manifest["strip"], "--strip-unneeded", path)
    os.symlink(name, os.path.join(lib, "libasyncpal.so"))


def pkg_config(option, modules):
    return run("pkg-config", option, *modules).strip()


def fill_in(template, path, words):
    with open(template, encoding="utf-8") as file:
        text = file.read()
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main(manifest, folder):
    with open(manifest, encoding="utf-8") as file:
        manifest = json.load(file)
    for name, source in manifest["headers"].items():
        path = os.path.join(folder, "include", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path)

    lib = os.path.join(folder, "lib")
    os.makedirs(lib)
    ar, strip = manifest["ar"], manifest["strip"]
    make_archive(ar, strip, lib + "/libasyncpal.a", manifest["archives"])
    make_archive(ar, strip, lib + "/libasyncpal_main.a", manifest["entry"])
    make_shared(manifest, lib)

    # A program's callables travel by the build-id of the module they are in.
    flags = manifest["link_flags"] + ["-Wl,--build-id"]
    words = {
        "DESCRIPTION": manifest["description"],
        "LINK_FLAGS": " ".join(flags),
        "LINK_FLAGS_LIST": ";".join(flags),
        "STATIC_LINK_FLAGS": " ".join(manifest["static_link_flags"]),
        "STATIC_LINK_FLAGS_LIST": ";".join(manifest["static_link_flags"]),
        "REQUIRES": " ".join(manifest["system"]),
        "URL": manifest["url"],
        "VERSION": manifest["version"],
    }
    for template in manifest["templates"]:
        name = os.path.basename(template)[: -len(".in")]
        place = "pkgconfig" if name.endswith(".pc") else "cmake/asyncpal"
        fill_in(template, os.path.join(lib, place, name), words)

    docs = os.path.join(folder, "share/doc/asyncpal")
    os.makedirs(docs)
    for file in manifest["docs"]:
        shutil.copy(file, docs)


if __name__ == "__main__":
    main(*sys.argv[1:])
