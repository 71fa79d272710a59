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
    "native_deps": attr.label_list(
        doc = "Shared libraries, whose folders get into java.library.path.",
        allow_files = [".so"],
    ),
    "_launcher": attr.label(
        default = "//tools/jvm/private:launcher.sh",
        allow_single_file = True,
    ),
})

def runfiles_path(ctx, file):
    """Returns where a file is in the folder of all runfiles.

    Args:
      ctx: the rule's context.
      file: the file.
    """
    if file.short_path.startswith("../"):
        return file.short_path[3:]
    return ctx.workspace_name + "/" + file.short_path

def quote(text):
    """Returns the text as one word of the shell.

    Args:
      text: the string.
    """
    return "'" + text.replace("'", "'\\''") + "'"

def _words(words):
    return " ".join([quote(word) for word in words])

def _unique(words):
    return {word: True for word in words}.keys()

def _launch(ctx, jars, main_class, args, files):
    """Returns the DefaultInfo of a program.

    Args:
      ctx: the rule's context; it has _EXECUTABLE_ATTRS.
      jars: depset of jars, the class path.
      main_class: the class whose main() runs.
      args: its first arguments, as the shell reads them.
      files: what the rule makes.
    """
    libraries = ctx.files.native_deps
    launcher = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.expand_template(
        template = ctx.file._launcher,
        output = launcher,
        is_executable = True,
        substitutions = {
            "%{args}": args,
            "%{jars}": _words(
                [runfiles_path(ctx, jar) for jar in jars.to_list()],
            ),
            "%{java}": runfiles_path(ctx, jdk_file(ctx, "java")),
            "%{jvm_flags}": _words([
                ctx.expand_location(flag, ctx.attr.data + ctx.attr.native_deps)
                for flag in ctx.attr.jvm_flags
            ]),
            "%{library_folders}": _words(_unique([
                runfiles_path(ctx, library).rpartition("/")[0]
                for library in libraries
            ])),
            "%{main_class}": main_class,
            "%{target}": str(ctx.label),
        },
    )
    runfiles = ctx.runfiles(
        files = libraries + ctx.files._jdk + ctx.files.data,
        transitive_files = jars,
        collect_data = True,
    )
    for dep in ctx.attr.native_deps:
        runfiles = runfiles.merge(dep[DefaultInfo].default_runfiles)
    return DefaultInfo(
        executable = launcher,
        files = depset(files + [launcher]),
        runfiles = runfiles,
    )

def _java_binary_impl(ctx):
    jar = ctx.actions.declare_file(ctx.label.name + ".jar")
    library = compile(ctx, jar, ctx.attr.deps)
    return [library, _launch(ctx, library.jars, ctx.attr.main_class, "", [jar])]

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
            library.jars,
            "io.asyncpal.tools.junit.TestRunner",
            '"$runfiles"/' + quote(runfiles_path(ctx, jar)),
            [jar],
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
