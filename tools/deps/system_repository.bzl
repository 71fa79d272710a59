"""Debian's C++ libraries as cc_library targets, found when Bazel fetches.

Everything that Asyncpal knows about a system package stands in this file and
in `packages.txt`. BUILD files name `//tools/deps:<target>`.
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

# Prints "name|flags" for each module that is installed.
_ASK_PKG_CONFIG = """
for name in $(pkg-config --list-package-names | grep '^absl_') "$@"; do
  ! flags=$(pkg-config --cflags --libs "$name" 2>/dev/null) ||
    printf '%s|%s\\n' "$name" "$flags"
done
"""

# The header is looked for, not compiled: that would take seconds.
_ASK_COMPILER = """
printf '#if !__has_include(<{header}>)\n#error\n#endif\n' |
  ${{CC:-cc}} -x c++ -std=c++20 -E -
"""

def _found(name, flags):
    defines = [f[2:] for f in flags if f.startswith("-D")]

    # Bazel's toolchain links with -no-as-needed. Without this, a program loads
    # every part of Abseil at start, and a process pool starts many programs.
    libraries = [f for f in flags if f.startswith("-l") or f.startswith("-L")]
    linkopts = ["-Wl,--push-state,--as-needed"] + libraries + [
        "-Wl,--pop-state",
    ] if libraries else []
    return "cc_library(name = %r, defines = %r, linkopts = %r)" % (
        name,
        defines,
        linkopts,
    )

def _missing(name, package):
    return "missing_library(name = %r, package = %r)" % (name, package)

def _system_repository_impl(repository_ctx):
    if not repository_ctx.which("pkg-config"):
        fail("pkg-config is not installed: apt-get install pkg-config")
    answer = repository_ctx.execute(
        ["sh", "-c", _ASK_PKG_CONFIG, "sh"] + _PKG_CONFIG.keys(),
    )
    found = {}
    for line in answer.stdout.splitlines():
        name, _, flags = line.partition("|")
        found[name] = flags.split(" ")
    if "absl_status" not in found:
        fail("Abseil is not installed: apt-get install libabsl-dev")

    for name, (_, header) in _HEADER_ONLY.items():
        ask = _ASK_COMPILER.format(header = header)
        if repository_ctx.execute(["sh", "-c", ask]).return_code == 0:
            found[name] = []

    packages = dict(_PKG_CONFIG)
    packages.update({k: v[0] for k, v in _HEADER_ONLY.items()})
    targets = [_found(name, flags) for name, flags in found.items()] + [
        _missing(name, package)
        for name, package in packages.items()
        if name not in found
    ]
    names = sorted({n: None for n in found.keys() + packages.keys()})
    repository_ctx.file("WORKSPACE")
    repository_ctx.symlink(
        Label("//tools/deps:missing_library.bzl"),
        "missing_library.bzl",
    )
    repository_ctx.file("targets.bzl", "TARGETS = %r\n" % names)
    repository_ctx.file("BUILD", "\n".join([
        'load("@rules_cc//cc:defs.bzl", "cc_library")',
        'load(":missing_library.bzl", "missing_library")',
        'package(default_visibility = ["//visibility:public"])',
    ] + targets))

system_repository = repository_rule(
    doc = "One target for each system library, named as pkg-config names it.",
    implementation = _system_repository_impl,
    configure = True,
    environ = ["CC", "PKG_CONFIG_PATH"],
)
