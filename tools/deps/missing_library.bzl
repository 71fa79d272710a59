"""What a system library is while its package is not installed."""

def _missing_library_impl(ctx):
    fail(("the Debian package %s is not installed: run ./bazelw, or " +
          "`apt-get install %s` and `bazel sync --configure`") %
         (ctx.attr.package, ctx.attr.package))

missing_library = rule(
    doc = "Fails whatever depends on it, and nothing else.",
    implementation = _missing_library_impl,
    attrs = {
        "package": attr.string(
            doc = "The Debian package to install.",
            mandatory = True,
        ),
    },
)
