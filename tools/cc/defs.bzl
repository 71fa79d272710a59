"""C++ rules with the flags and include paths that all of Asyncpal shares."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//tools/cc/private:compile_fail_test.bzl", "compile_fail_test")
load("//tools/cc/private:headers_alone.bzl", "headers_alone")
load("//tools/cc/private:precompiled_header.bzl", "precompiled_header")

_COPTS = [
    "-std=c++20",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    # Options are aggregates: a caller names the fields that differ.
    "-Wno-missing-field-initializers",
]

def _copts(copts):
    # In someone else's workspace another compiler may know other warnings, and
    # must not fail their build.
    ours = native.repository_name() == "@"
    return _COPTS + (["-Werror"] if ours else []) + copts

def asyncpal_cc_library(name, copts = [], linkstatic = True, **kwargs):
    """A cc_library whose headers are included as "asyncpal/<package>/<file>".

    Args:
      name: the target's name.
      copts: further compiler flags, after the project's.
      linkstatic: by default, a program holds its one copy of the library.
      **kwargs: as for cc_library.
    """
    cc_library(
        name = name,
        copts = _copts(copts),
        include_prefix = "asyncpal/" + native.package_name(),
        linkstatic = linkstatic,
        **kwargs
    )

# First among the deps, or the linker would have met the shared libraries before.
_STATIC_LIBRARIES = [Label("//tools/deps:static_libraries")]

def asyncpal_cc_binary(name, copts = [], deps = [], linkshared = False, **kwargs):
    """A cc_binary with the project's flags.

    An executable holds what it uses of Abseil and Cap'n Proto: most of the time
    that a worker process takes to start would go into loading those.

    Args:
      name: the target's name.
      copts: further compiler flags, after the project's.
      deps: as for cc_binary.
      linkshared: as for cc_binary.
      **kwargs: as for cc_binary.
    """
    cc_binary(
        name = name,
        copts = _copts(copts),
        linkshared = linkshared,
        deps = ([] if linkshared else _STATIC_LIBRARIES) + deps,
        **kwargs
    )

# A package of this workspace, so that a path into it is the same everywhere.
_TEST_PRELUDE = Label("//tools/cc:test_prelude.inc")

def asyncpal_cc_test_prelude(name, src, deps):
    """The header that each asyncpal_cc_test() begins with, precompiled.

    Args:
      name: the name of the file that results.
      src: the header.
      deps: libraries whose headers it includes.
    """
    precompiled_header(
        name = name,
        testonly = True,
        src = src,
        copts = _copts([]),
        visibility = ["//visibility:public"],
        deps = deps,
    )

def asyncpal_cc_test(
        name,
        copts = [],
        deps = [],
        single_threaded = False,
        size = "small",
        tags = [],
        **kwargs):
    """A cc_test with the project's flags, ended after a minute by default.

    Args:
      name: the target's name.
      copts: further compiler flags, after the project's.
      deps: as for cc_test.
      single_threaded: whether neither the test nor what it tests starts a
        thread, so that ThreadSanitizer has nothing to find: it is not run there.
      size: as for cc_test.
      tags: as for cc_test.
      **kwargs: as for cc_test.
    """
    prelude, prelude_copts = [], []

    # It was made with the project's flags and no others.
    if not copts and native.repository_name() == "@":
        prelude = [_TEST_PRELUDE]
        prelude_copts = ["-include", "$(BINDIR)/tools/cc/test_prelude.inc"]
    cc_test(
        name = name,
        copts = _copts(copts) + prelude_copts,
        deps = _STATIC_LIBRARIES + deps + prelude,
        # As a user's program is linked. Tests start faster than with one shared
        # library for each target, too.
        linkstatic = True,
        size = size,
        tags = tags + (["notsan"] if single_threaded else []),
        **kwargs
    )

def asyncpal_cc_compile_fail_test(
        name,
        src,
        cases,
        copts = [],
        case_copts = [],
        size = "small",
        **kwargs):
    """A test that the compiler refuses misuse with one sentence, and no more.

    The source has to compile as it is, and in each case, which is a macro that
    is defined, to give exactly one error, whose line contains the message:

        asyncpal_cc_compile_fail_test(
            name = "answer_misuse_test",
            src = "answer_misuse.cc",  # has an #ifdef SMALL_ANSWER
            cases = {"SMALL_ANSWER": "an answer needs an int at least"},
            deps = [":answer"],
        )

    Args:
      name: the target's name.
      src: the C++ file.
      cases: from macros to messages.
      copts: further compiler flags, after the project's.
      case_copts: the same for the cases, and not for the source as it is.
      size: as for cc_test.
      **kwargs: as for cc_test; deps, most of all.
    """
    compile_fail_test(
        name = name,
        src = src,
        cases = cases,
        copts = _copts(copts),
        case_copts = case_copts,
        size = size,
        **kwargs
    )

def asyncpal_cc_headers_alone(name, deps, copts = [], **kwargs):
    """Compiles each public header alone: it includes what it uses.

    Headers are those of the libraries and of all that they depend on, but for
    those in folders called "internal". One that can't be compiled fails the
    build.

    Args:
      name: the target's name.
      deps: the libraries.
      copts: further compiler flags, after the project's.
      **kwargs: as for any rule.
    """
    headers_alone(name = name, deps = deps, copts = _copts(copts), **kwargs)
