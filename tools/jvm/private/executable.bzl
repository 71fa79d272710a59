"""The rules behind asyncpal_java_binary() and asyncpal_java_test()."""

load(":compile.bzl", "COMPILE_ATTRS", "JavaLibraryInfo", "compile", "jdk_file")

_EXECUTABLE_ATTRS = dict(COMPILE_ATTRS, **{
    "data": attr.label_list(
        doc = "Files that the program finds among its runfiles.",
        allow_files = True,
    ),
    "jvm_flags": attr.string_list(
        doc = "Options of the JVM. $(location) and its kind work.",
    ),
    "_launcher": attr.label(
        default = "//tools/jvm/private:launcher.sh",
        allow_single_file = True,
    ),
})

def runfiles_path(ctx, file):
    """Tells where a file is in the folder of all runfiles.

    Args:
      ctx: the rule's context.
      file: the file.

    Returns:
      Its path there.
    """
    if file.short_path.startswith("../"):
        return file.short_path[3:]
    return ctx.workspace_name + "/" + file.short_path

def quote(text):
    """Makes one word of the shell of a text.

    Args:
      text: the string.

    Returns:
      The word.
    """
    return "'" + text.replace("'", "'\\''") + "'"

def _words(words):
    return " ".join([quote(word) for word in words])

def _unique(words):
    return {word: True for word in words}.keys()

def _launch(ctx, library, main_class, args):
    """Returns the DefaultInfo of a program.

    Args:
      ctx: the rule's context; it has _EXECUTABLE_ATTRS.
      library: the JavaLibraryInfo of its code.
      main_class: the class whose main() runs.
      args: its first arguments, as the shell reads them.
    """
    launcher = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.expand_template(
        template = ctx.file._launcher,
        output = launcher,
        is_executable = True,
        substitutions = {
            "%{args}": args,
            "%{jars}": _words(
                [runfiles_path(ctx, jar) for jar in library.jars.to_list()],
            ),
            "%{java}": runfiles_path(ctx, jdk_file(ctx, "java")),
            "%{jvm_flags}": _words([
                ctx.expand_location(flag, ctx.attr.data + ctx.attr.native_deps)
                for flag in ctx.attr.jvm_flags
            ]),
            "%{library_folders}": _words(_unique([
                runfiles_path(ctx, native).rpartition("/")[0]
                for native in library.natives.to_list()
            ])),
            "%{main_class}": main_class,
            "%{target}": str(ctx.label),
        },
    )
    runfiles = ctx.runfiles(
        files = ctx.files._jdk + ctx.files.data,
        transitive_files = depset(
            transitive = [library.jars, library.runfiles],
        ),
        collect_data = True,
    )
    return DefaultInfo(
        executable = launcher,
        files = depset([launcher]),
        runfiles = runfiles,
    )

def _java_binary_impl(ctx):
    jar = ctx.actions.declare_file(ctx.label.name + ".jar")
    library = compile(ctx, jar, ctx.attr.deps)
    return [library, _launch(ctx, library, ctx.attr.main_class, "")]

java_binary = rule(
    doc = "A Java program.",
    implementation = _java_binary_impl,
    executable = True,
    attrs = dict(_EXECUTABLE_ATTRS, main_class = attr.string(
        doc = "The class whose main() runs.",
        mandatory = True,
    )),
)

def _java_test_impl(ctx):
    jar = ctx.actions.declare_file(ctx.label.name + ".jar")
    library = compile(ctx, jar, ctx.attr.deps + [ctx.attr._runner])
    return [
        _launch(
            ctx,
            library,
            "io.asyncpal.tools.junit.TestRunner",
            '"$runfiles"/' + quote(runfiles_path(ctx, jar)),
        ),
    ]

# Its name makes "java" the language of --test_lang_filters.
java_test = rule(
    doc = "JUnit 5 tests.",
    implementation = _java_test_impl,
    test = True,
    attrs = dict(_EXECUTABLE_ATTRS, _runner = attr.label(
        default = "//tools/jvm/junit:runner",
        providers = [JavaLibraryInfo],
    )),
)
