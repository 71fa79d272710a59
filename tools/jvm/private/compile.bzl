"""How Java is compiled: what the library, binary and test rules share."""

JavaLibraryInfo = provider(
    doc = "Compiled Java code. Not Bazel's JavaInfo: its rules can't work here.",
    fields = {
        "jars": "depset of jars: this library's and those that it needs.",
        "natives": "depset of the shared libraries that `jars` load.",
        "runfiles": "depset of files: `natives`, and what these need.",
        "sources": "depset of .java files, or folders of them, behind `jars`.",
    },
)

# Short runs of a JVM: the second compiler and collector threads don't pay. In
# sandboxes, all have the same process id, by which they name a file in /tmp.
JDK_TOOL_FLAGS = [
    "-J-XX:TieredStopAtLevel=1",
    "-J-XX:+UseSerialGC",
    "-J-XX:-UsePerfData",
]

RELEASE = "17"

COMPILE_ATTRS = {
    "deps": attr.label_list(
        doc = "The libraries that the code uses.",
        providers = [JavaLibraryInfo],
    ),
    "javacopts": attr.string_list(
        doc = "Further options of javac, say -Xlint:-serial.",
    ),
    "lint": attr.bool(
        doc = "Whether warnings are asked for, and are errors. Generated " +
              "code is where they should not be.",
        default = True,
    ),
    "native_deps": attr.label_list(
        doc = "The shared libraries that the code loads. Programs get their " +
              "folders in java.library.path.",
        allow_files = [".so"],
    ),
    "resources": attr.label_keyed_string_dict(
        doc = "Each file with its path in the jar.",
        allow_files = True,
    ),
    "srcjars": attr.label_list(
        doc = "Zip files of .java files.",
        allow_files = [".srcjar", ".jar", ".zip"],
    ),
    "srcs": attr.label_list(
        doc = "The .java files, or folders of them, as a rule may make.",
        allow_files = True,
    ),
    "_jar": attr.label(
        default = "//tools/jvm/private:jar",
        executable = True,
        cfg = "exec",
    ),
    "_jdk": attr.label(default = "//tools/deps:jdk"),
}

def jdk_file(ctx, name):
    """Finds a file of the JDK.

    Args:
      ctx: the rule's context; it has COMPILE_ATTRS.
      name: the file's last name, as "javac" or "release".

    Returns:
      The file.
    """
    for file in ctx.files._jdk:
        if file.basename == name:
            return file
    fail("//tools/deps:jdk has no " + name)

def _java_path(file):
    return file.path if file.extension == "java" else None

def add_sources(args, sources, **kwargs):
    """Adds all .java files, and those of folders, to arguments.

    Args:
      args: the arguments of an action.
      sources: files, or a depset of them.
      **kwargs: as for add_all().
    """
    args.add_all(sources, map_each = _java_path, **kwargs)

def _unpack(ctx, srcjar, index):
    folder = ctx.actions.declare_directory(
        "%s_srcjar_%d" % (ctx.label.name, index),
    )
    ctx.actions.run_shell(
        command = 'python3 -m zipfile -e "$1" "$2"',
        arguments = [srcjar.path, folder.path],
        inputs = [srcjar],
        outputs = [folder],
        mnemonic = "UnpackSources",
        use_default_shell_env = True,
    )
    return folder

def _javac(ctx, sources, jars):
    classes = ctx.actions.declare_directory(ctx.label.name + "_classes")
    args = ctx.actions.args()
    args.use_param_file("@%s")
    args.set_param_file_format("multiline")
    args.add("-d", classes.path)
    args.add_all(["--release", RELEASE, "-encoding", "UTF-8", "-g"])
    args.add("-proc:none")
    if ctx.attr.lint:
        args.add("-Xlint:all")

        # JUnit's jars name others that nothing here needs.
        args.add("-Xlint:-path")

        # In someone else's workspace another javac may know other warnings, and
        # must not fail their build.
        if not ctx.label.workspace_name:
            args.add("-Werror")
    else:
        args.add_all(["-nowarn", "-Xlint:none"])
    args.add_all(ctx.attr.javacopts)
    args.add_joined("-classpath", jars, join_with = ":")
    add_sources(args, sources)
    ctx.actions.run(
        executable = jdk_file(ctx, "javac"),
        # These can't be in a file.
        arguments = JDK_TOOL_FLAGS + [args],
        inputs = depset(sources, transitive = [jars]),
        outputs = [classes],
        tools = ctx.files._jdk,
        env = {"LC_ALL": "C.UTF-8"},
        mnemonic = "Javac",
        progress_message = "Compiling Java of %s" % ctx.label,
    )
    return classes

def compile(ctx, jar, deps):
    """Compiles the rule's code into a jar.

    Args:
      ctx: the rule's context; it has COMPILE_ATTRS, or all but the deps.
      jar: the file to make.
      deps: the targets with what the code needs.

    Returns:
      The JavaLibraryInfo.
    """
    sources = ctx.files.srcs + [
        _unpack(ctx, srcjar, index)
        for index, srcjar in enumerate(ctx.files.srcjars)
    ]
    for source in sources:
        if source.extension != "java" and not source.is_directory:
            fail("%s is neither a .java file nor a folder of them" % source.path)
    jars = depset(transitive = [dep[JavaLibraryInfo].jars for dep in deps])

    args = ctx.actions.args()
    args.use_param_file("@%s")
    args.set_param_file_format("multiline")
    args.add("--output", jar)
    inputs = []
    if sources:
        classes = _javac(ctx, sources, jars)
        args.add("--folder", "=" + classes.path)
        inputs.append(classes)
    for target, path in ctx.attr.resources.items():
        files = target[DefaultInfo].files.to_list()
        if len(files) != 1:
            fail("resource %s is %d files, not one" % (target.label, len(files)))
        args.add("--file", "%s=%s" % (path, files[0].path))
        inputs += files
    ctx.actions.run(
        executable = ctx.executable._jar,
        arguments = [args],
        inputs = inputs,
        outputs = [jar],
        mnemonic = "Jar",
        use_default_shell_env = True,
    )
    native_deps = getattr(ctx.attr, "native_deps", [])
    natives = [dep[DefaultInfo].files for dep in native_deps]
    return JavaLibraryInfo(
        jars = depset([jar], transitive = [jars]),
        natives = depset(
            transitive = natives + [dep[JavaLibraryInfo].natives for dep in deps],
        ),
        runfiles = depset(
            transitive = natives + [
                dep[DefaultInfo].default_runfiles.files
                for dep in native_deps
            ] + [dep[JavaLibraryInfo].runfiles for dep in deps],
        ),
        sources = depset(
            sources,
            transitive = [dep[JavaLibraryInfo].sources for dep in deps],
        ),
    )
