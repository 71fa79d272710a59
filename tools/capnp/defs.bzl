"""C++ code from Cap'n Proto schemas."""

load("@rules_cc//cc:defs.bzl", "cc_library")

def asyncpal_capnp_library(name, src, **kwargs):
    """A cc_library with what the capnp compiler makes of one schema.

    The header of "<package>/<file>.capnp" is included as
    "asyncpal/<package>/<file>.capnp.h".

    Args:
      name: the target's name.
      src: the schema. It may import Cap'n Proto's own, as "/capnp/...".
      **kwargs: as for cc_library.
    """
    package = native.package_name()
    native.genrule(
        name = name + "_source",
        srcs = [src],
        outs = [src + ".h", src + ".c++"],
        # The first id of a schema is part of it, so the output depends on
        # nothing else.
        # In another workspace the package lies in external/asyncpal.
        cmd = "src=./$(SRCS); capnp compile -I/usr/include " +
              "--src-prefix=\"$${src%%/%s}\" -oc++:$(RULEDIR) \"$$src\"" % src,
        message = "Compiling schema " + src,
        tags = kwargs.get("tags", []),
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        srcs = [src + ".c++"],
        hdrs = [src + ".h"],
        # Not our own code, so without our warnings.
        copts = ["-std=c++20"],
        include_prefix = "asyncpal/" + package,
        linkstatic = True,
        deps = kwargs.pop("deps", []) + [Label("//tools/deps:capnp")],
        **kwargs
    )
