"""Debian's C++ libraries as cc_library targets, found when Bazel fetches.

With `packages.txt` this is all that Asyncpal knows about system libraries.
BUILD files name `//tools/deps:<target>`.
"""

# Debian package of each library that pkg-config knows. Abseil is not in here:
# each of its parts that is installed becomes a target by itself.
_PKG_CONFIG = {
    "benchmark": "libbenchmark-dev",
    "capnp": "libcapnp-dev",
    "gmock": "libgmock-dev",
    "gmock_main": "libgmock-dev",
    "gtest": "libgtest-dev",
    "gtest_main": "libgtest-dev",
    "kj": "libcapnp-dev",
    "tbb": "libtbb-dev",
}

# Debian package and one header of each library that has no .pc file and
# consists of headers only.
_HEADER_ONLY = {
    "asio": ("libasio-dev", "asio.hpp"),
    "thread_pool": ("libthread-pool-dev", "thread_pool/thread_pool.hpp"),
}

# Headers of ours that are found before the system's, and what includes those.
_COMPAT = {"kj/string.h": Label("//tools/deps/compat:kj_string.h")}
_NEEDS_COMPAT = ["capnp", "kj"]

# Prints "name|flags" for each module that is installed.
_ASK_PKG_CONFIG = """
for name in $(pkg-config --list-package-names | grep '^absl_') "$@"; do
  ! flags=$(pkg-config --cflags --libs "$name" 2>/dev/null) ||
    printf '%s|%s\\n' "$name" "$flags"
done
"""

# The header is looked for, not compiled: that would take seconds.
_ASK_COMPILER = """
printf '#if !__has_include(<%s>)\\n#error\\n#endif\\n' "$1" |
  ${CC:-cc} -x c++ -std=c++20 -E -
"""

_BUILD_HEAD = """
load("@rules_cc//cc:defs.bzl", "cc_library")
load(":missing_library.bzl", "missing_library")

package(default_visibility = ["//visibility:public"])

cc_library(name = "compat", hdrs = glob(["compat/**"]), includes = ["compat"])
"""

def _found(name, flags):
    libraries = [f for f in flags if f.startswith("-l") or f.startswith("-L")]

    # Bazel's toolchain links with -no-as-needed. Without this, a program loads
    # every part of Abseil at start, and a process pool starts many programs.
    if libraries:
        libraries = ["-Wl,--push-state,--as-needed"] + libraries + [
            "-Wl,--pop-state",
        ]
    return "cc_library(name = %r, defines = %r, linkopts = %r, deps = %r)" % (
        name,
        [f[2:] for f in flags if f.startswith("-D")],
        libraries,
        [":compat"] if name in _NEEDS_COMPAT else [],
    )

def _missing(name, package):
    return "missing_library(name = %r, package = %r)" % (name, package)

def _system_repository_impl(repository_ctx):
    if not repository_ctx.which("pkg-config"):
        fail("pkg-config is not installed: apt-get install pkg-config")
    answer = repository_ctx.execute(
        ["sh", "-c", _ASK_PKG_CONFIG, "sh"] + _PKG_CONFIG.keys(),
    )
    flags = {}
    for line in answer.stdout.splitlines():
        name, _, words = line.partition("|")
        flags[name] = words.split(" ")
    if "absl_status" not in flags:
        fail("Abseil is not installed: apt-get install libabsl-dev")

    packages = dict(_PKG_CONFIG)
    for name, (package, header) in _HEADER_ONLY.items():
        packages[name] = package
        ask = ["sh", "-c", _ASK_COMPILER, "sh", header]
        if repository_ctx.execute(ask).return_code == 0:
            flags[name] = []

    missing = [name for name in packages if name not in flags]
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", "\n".join(
        [_BUILD_HEAD] +
        [_found(name, flags[name]) for name in flags] +
        [_missing(name, packages[name]) for name in missing],
    ))
    repository_ctx.file(
        "targets.bzl",
        "TARGETS = %r\n" % sorted(flags.keys() + missing),
    )
    repository_ctx.symlink(
        Label("//tools/deps:missing_library.bzl"),
        "missing_library.bzl",
    )
    for path, label in _COMPAT.items():
        repository_ctx.symlink(label, "compat/" + path)

system_repository = repository_rule(
    doc = "One target for each system library, named as pkg-config names it.",
    implementation = _system_repository_impl,
    configure = True,
    environ = ["PKG_CONFIG_PATH"],
)
