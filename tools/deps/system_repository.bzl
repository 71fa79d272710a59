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
    "libdw": "libdw-dev",
    "prometheus-cpp-core": "prometheus-cpp-dev",
    "prometheus-cpp-pull": "prometheus-cpp-dev",
    "tbb": "libtbb-dev",
}

# Debian package and one header of each library that has no .pc file and
# consists of headers only.
_HEADER_ONLY = {
    "asio": ("libasio-dev", "asio.hpp"),
    "thread_pool": ("libthread-pool-dev", "thread_pool/thread_pool.hpp"),
}

# What each library's own repository calls the same, for workspaces that have
# one; then there must not be two of it in a program.
_IN_ABSEIL = {
    "absl_any_invocable": "absl/functional:any_invocable",
    "absl_cord": "absl/strings:cord",
    "absl_core_headers": "absl/base:core_headers",
    "absl_inlined_vector": "absl/container:inlined_vector",
    "absl_span": "absl/types:span",
    "absl_status": "absl/status:status",
    "absl_statusor": "absl/status:statusor",
    "absl_str_format": "absl/strings:str_format",
    "absl_strings": "absl/strings:strings",
    "absl_symbolize": "absl/debugging:symbolize",
    "absl_time": "absl/time:time",
}
_IN_CAPNP = {"capnp": "src/capnp:capnp", "kj": "src/kj:kj"}
_IN_GOOGLETEST = {
    "gmock": ":gtest",
    "gmock_main": ":gtest_main",
    "gtest": ":gtest",
    "gtest_main": ":gtest_main",
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

# Libraries of which executables hold what they use: those of Abseil, and these.
_LINKED_STATICALLY = ["capnp", "kj"]

# The target that makes it so. Linkers see its archives before the shared
# libraries of the others, which then are not needed any more.
_STATIC = "static_libraries"

# Prints those of the libraries that have an archive.
_ASK_FOR_ARCHIVES = """
for name in "$@"; do
  case $(${CC:-cc} -print-file-name="lib$name.a") in
    /*) echo "$name" ;;
  esac
done
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

def _static(repository_ctx, flags):
    """A target that makes a program hold what it uses of some libraries.

    Args:
      repository_ctx: of the rule.
      flags: what pkg-config says of each library that was found.
    Returns:
      the target, for the BUILD file.
    """
    names = []
    for name, words in flags.items():
        if name.startswith("absl_") or name in _LINKED_STATICALLY:
            for word in words:
                if word.startswith("-l") and word[2:] not in names:
                    names.append(word[2:])
    ask = ["sh", "-c", _ASK_FOR_ARCHIVES, "sh"] + names
    archives = repository_ctx.execute(ask).stdout.splitlines()
    linkopts = []
    if archives:
        linkopts = ["-Wl,--push-state,-Bstatic,--start-group"] + [
            "-l" + name
            for name in archives
        ] + ["-Wl,--end-group,--pop-state"]
    return "cc_library(name = %r, linkopts = %r)" % (_STATIC, linkopts)

def _missing(name, package):
    return "missing_library(name = %r, package = %r)" % (name, package)

def _given(repository_ctx):
    """Returns the labels of libraries that the workspace has itself."""
    labels = {}
    for repository, names in [
        (repository_ctx.attr.abseil, _IN_ABSEIL),
        (repository_ctx.attr.capnp, _IN_CAPNP),
        (repository_ctx.attr.googletest, _IN_GOOGLETEST),
    ]:
        if repository:
            for name, target in names.items():
                labels[name] = "%s//%s" % (repository, target)
    return labels

def _ask_pkg_config(repository_ctx):
    if not repository_ctx.which("pkg-config"):
        if repository_ctx.attr.abseil and repository_ctx.attr.capnp:
            return ""
        fail("pkg-config is not installed: apt-get install pkg-config")
    command = ["sh", "-c", _ASK_PKG_CONFIG, "sh"] + _PKG_CONFIG.keys()
    return repository_ctx.execute(command).stdout

def _system_repository_impl(repository_ctx):
    given = _given(repository_ctx)
    flags = {}
    for line in _ask_pkg_config(repository_ctx).splitlines():
        name, _, words = line.partition("|")
        if not repository_ctx.attr.abseil or not name.startswith("absl_"):
            flags[name] = words.split(" ")
    for name in given:
        flags.pop(name, None)
    if "absl_status" not in flags and not repository_ctx.attr.abseil:
        fail("Abseil is not installed: apt-get install libabsl-dev")

    packages = dict(_PKG_CONFIG)
    for name, (package, header) in _HEADER_ONLY.items():
        packages[name] = package
        ask = ["sh", "-c", _ASK_COMPILER, "sh", header]
        if repository_ctx.execute(ask).return_code == 0:
            flags[name] = []

    missing = [n for n in packages if n not in flags and n not in given]
    repository_ctx.file("WORKSPACE")
    repository_ctx.file("BUILD", "\n".join(
        [_BUILD_HEAD] +
        [_found(name, flags[name]) for name in flags] +
        [_static(repository_ctx, flags)] +
        ["alias(name = %r, actual = %r)" % item for item in given.items()] +
        [_missing(name, packages[name]) for name in missing],
    ))
    repository_ctx.file(
        "targets.bzl",
        "TARGETS = %r\n" % sorted(
            flags.keys() + given.keys() + missing + [_STATIC],
        ),
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
    attrs = {
        "abseil": attr.string(
            doc = "The workspace's own Abseil, as @com_google_absl, if any.",
        ),
        "capnp": attr.string(
            doc = "The workspace's own Cap'n Proto, as @capnp-cpp, if any.",
        ),
        "googletest": attr.string(
            doc = "The workspace's own GoogleTest, if any.",
        ),
    },
    configure = True,
    environ = ["PKG_CONFIG_PATH"],
)
