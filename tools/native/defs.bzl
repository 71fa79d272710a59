"""Shared libraries that programs of other languages load."""

load("//tools/cc:defs.bzl", "asyncpal_cc_binary")
load(
    "//tools/native/private:bundle.bzl",
    "native_bundle",
    _NativeBundleInfo = "NativeBundleInfo",
)
load(
    "//tools/native/private:optimized.bzl",
    _TRANSITION_ATTRS = "TRANSITION_ATTRS",
    _optimized = "optimized",
)

# For rules that pack bundles. What they pack is built with the transition
# `optimized`, and the rule has TRANSITION_ATTRS.
NativeBundleInfo = _NativeBundleInfo
TRANSITION_ATTRS = _TRANSITION_ATTRS
optimized = _optimized

_LINKOPTS = [
    # What lies beside the library comes first. An old DT_RPATH, unlike a
    # DT_RUNPATH, also holds for what the libraries beside it need.
    "-Wl,-rpath,$$ORIGIN",
    "-Wl,--disable-new-dtags",
    # What is missing fails here, not when the library is loaded.
    "-Wl,-z,defs",
    # Threads of a pool may run its code after the host has unloaded it.
    "-Wl,-z,nodelete",
]

def asyncpal_shared_library(name, linkopts = [], **kwargs):
    """A shared library that holds its deps, but for the system's libraries.

    Args:
      name: the target's name, which is the file's: lib<something>.so.
      linkopts: further linker flags, after the project's.
      **kwargs: as for cc_binary.
    """
    if not (name.startswith("lib") and name.endswith(".so")):
        fail("%s must be lib<something>.so, as loaders expect it" % name)
    asyncpal_cc_binary(
        name = name,
        linkopts = _LINKOPTS + linkopts,
        linkshared = True,
        linkstatic = True,
        **kwargs
    )

# What a machine must have at least. READMEs of packages say the same.
BASELINE = [
    "CXXABI_1.3.13",
    "GCC_3.4",
    "GLIBC_2.34",
    "GLIBCXX_3.4.29",
]

def asyncpal_native_bundle(name, libraries, baseline = BASELINE, **kwargs):
    """A folder with shared libraries and every other one that they need.

    What any Linux distribution has (libc, libstdc++ and the like) stays out;
    README.md tells more. The libraries are stripped.

    Args:
      name: the target's name, and the folder's.
      libraries: of asyncpal_shared_library().
      baseline: the newest version of each family, as GLIBC_2.34, that may be
        needed of what stays out.
      **kwargs: as for any rule.
    """
    native_bundle(
        name = name,
        baseline = baseline,
        libraries = libraries,
        **kwargs
    )
