"""The rules behind asyncpal_java_library() and asyncpal_java_import()."""

load(":compile.bzl", "COMPILE_ATTRS", "JavaLibraryInfo", "compile")

def _default_info(ctx, jars):
    return DefaultInfo(files = depset(jars), runfiles = ctx.runfiles(jars))

def _java_library_impl(ctx):
    jar = ctx.actions.declare_file("lib%s.jar" % ctx.label.name)
    return [compile(ctx, jar, ctx.attr.deps), _default_info(ctx, [jar])]

java_library = rule(
    doc = "Java code for other code to use.",
    implementation = _java_library_impl,
    attrs = COMPILE_ATTRS,
)

def _java_import_impl(ctx):
    return [
        JavaLibraryInfo(
            jars = depset(ctx.files.jars),
            natives = depset(),
            runfiles = depset(),
            sources = depset(),
        ),
        _default_info(ctx, ctx.files.jars),
    ]

java_import = rule(
    doc = "Jars made elsewhere.",
    implementation = _java_import_impl,
    attrs = {"jars": attr.label_list(allow_files = [".jar"], mandatory = True)},
)
