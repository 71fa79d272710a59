"""The rule behind asyncpal_java_package()."""

load("@rules_java//java/common:java_info.bzl", "JavaInfo")
load(
    "//tools/native:defs.bzl",
    "NativeBundleInfo",
    "TRANSITION_ATTRS",
    "optimized",
)
load("//tools/release:project.bzl", "PROJECT")
load(
    ":compile.bzl",
    "JDK_TOOL_FLAGS",
    "JavaLibraryInfo",
    "RELEASE",
    "add_sources",
    "jdk_file",
)

JavaPackageInfo = provider(
    doc = "What is published of a library.",
    fields = {
        "artifact_id": "its name for Maven and Gradle.",
        "debug_jar": "the symbols of its native libraries, or None.",
        "group_id": "who publishes it, for Maven and Gradle.",
        "jar": "its classes and native libraries.",
        "javadoc_jar": "the documentation of its public packages.",
        "pom": "what Maven and Gradle read.",
        "sources_jar": "its sources.",
        "version": "its version.",
    },
)

def _xml(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

def _pom(ctx, file):
    ctx.actions.expand_template(
        template = ctx.file._pom,
        output = file,
        substitutions = {
            "%{artifact_id}": _xml(ctx.attr.artifact_id),
            "%{authors}": _xml(ctx.attr.authors),
            "%{description}": _xml(ctx.attr.description),
            "%{group_id}": _xml(ctx.attr.group_id),
            "%{license_name}": _xml(ctx.attr.license_name),
            "%{license_url}": _xml(ctx.attr.license_url),
            "%{release}": RELEASE,
            "%{repository}": _xml(ctx.attr.repository),
            "%{title}": _xml(ctx.attr.title),
            "%{url}": _xml(ctx.attr.url),
            "%{version}": _xml(ctx.attr.version),
        },
    )

def _jar(ctx, jar, args, inputs):
    args.use_param_file("@%s")
    args.set_param_file_format("multiline")
    args.add("--output", jar)
    args.add("--file", "META-INF/LICENSE=" + ctx.file.license.path)
    ctx.actions.run(
        executable = ctx.executable._jar,
        arguments = [args],
        inputs = depset([ctx.file.license], transitive = [inputs]),
        outputs = [jar],
        mnemonic = "Jar",
        progress_message = "Packing " + jar.short_path,
        use_default_shell_env = True,
    )

def _bundle(ctx):
    # The transition makes a list of it.
    return ctx.attr.natives[0][NativeBundleInfo] if ctx.attr.natives else None

def _main_jar(ctx, jar, jars, pom):
    args = ctx.actions.args()
    for name, value in {
        "Automatic-Module-Name": ctx.attr.module_name,
        "Implementation-Title": ctx.attr.title,
        "Implementation-Version": ctx.attr.version,
    }.items():
        args.add("--manifest", "%s: %s" % (name, value))
    args.add_all(jars, before_each = "--jar")
    maven = "META-INF/maven/%s/%s/" % (ctx.attr.group_id, ctx.attr.artifact_id)
    args.add("--file", "%spom.xml=%s" % (maven, pom.path))
    inputs = [pom]
    bundle = _bundle(ctx)
    if bundle:
        for prefix, folder in [
            ("META-INF/native/%s/" % ctx.attr.platform, bundle.libraries),
            ("META-INF/licenses/", bundle.licenses),
        ]:
            args.add("--folder", prefix + "=" + folder.path)
            inputs.append(folder)
    _jar(ctx, jar, args, depset(inputs, transitive = [jars]))

def _debug_jar(ctx, stem):
    """Returns a list of a jar with symbols, or of none without natives."""
    bundle = _bundle(ctx)
    if not bundle:
        return []
    jar = ctx.actions.declare_file(stem + "-debug.jar")
    args = ctx.actions.args()
    args.add("--folder", "=" + bundle.symbols.path)
    _jar(ctx, jar, args, depset([bundle.symbols]))
    return [jar]

def _sources_jar(ctx, jar, sources):
    args = ctx.actions.args()
    add_sources(args, sources, before_each = "--source")
    _jar(ctx, jar, args, sources)

def _javadoc_jar(ctx, jar, sources_jar, jars):
    folder = ctx.actions.declare_directory(ctx.label.name + "_javadoc")
    args = ctx.actions.args()
    args.add(sources_jar)
    args.add_all([jdk_file(ctx, "javadoc")] + JDK_TOOL_FLAGS)
    args.add_all(["-d", folder.path, "--release", RELEASE])
    args.add_all(["-encoding", "UTF-8", "-quiet", "-notimestamp"])
    title = "%s %s" % (ctx.attr.title, ctx.attr.version)
    args.add_all(["-doctitle", title, "-windowtitle", title])
    args.add_all(["-Xdoclint:all", "-Werror"])
    args.add_joined("-classpath", jars, join_with = ":")
    args.add_all(ctx.attr.exported_packages)
    ctx.actions.run_shell(
        command = "sources=$(mktemp -d) && python3 -m zipfile -e \"$1\" " +
                  "\"$sources\" && shift && exec \"$@\" -sourcepath \"$sources\"",
        arguments = [args],
        inputs = depset([sources_jar], transitive = [jars]),
        outputs = [folder],
        tools = ctx.files._jdk,
        env = {"LC_ALL": "C.UTF-8"},
        mnemonic = "Javadoc",
        progress_message = "Documenting %s" % ctx.label,
        use_default_shell_env = True,
    )
    args = ctx.actions.args()
    args.add("--folder", "=" + folder.path)
    _jar(ctx, jar, args, depset([folder]))

def _java_package_impl(ctx):
    library = ctx.attr.library[JavaLibraryInfo]
    stem = "%s-%s" % (ctx.attr.artifact_id, ctx.attr.version)
    jar, sources_jar, javadoc_jar, pom = [
        ctx.actions.declare_file(stem + end)
        for end in [".jar", "-sources.jar", "-javadoc.jar", ".pom"]
    ]
    _pom(ctx, pom)
    _main_jar(ctx, jar, library.jars, pom)
    _sources_jar(ctx, sources_jar, library.sources)
    _javadoc_jar(ctx, javadoc_jar, sources_jar, library.jars)
    debug_jars = _debug_jar(ctx, stem)
    files = [jar, sources_jar, javadoc_jar] + debug_jars + [pom]
    return [
        DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files)),
        OutputGroupInfo(
            javadoc = depset([javadoc_jar]),
            sources = depset([sources_jar]),
        ),
        # For code that uses it. The natives are inside.
        JavaLibraryInfo(
            jars = depset([jar]),
            natives = depset(),
            runfiles = depset(),
            sources = library.sources,
        ),
        # For Bazel's own rules, where these work.
        JavaInfo(
            output_jar = jar,
            compile_jar = jar,
            source_jar = sources_jar,
        ),
        JavaPackageInfo(
            artifact_id = ctx.attr.artifact_id,
            debug_jar = debug_jars[0] if debug_jars else None,
            group_id = ctx.attr.group_id,
            jar = jar,
            sources_jar = sources_jar,
            javadoc_jar = javadoc_jar,
            pom = pom,
            version = ctx.attr.version,
        ),
    ]

java_package = rule(
    doc = "A library as it is published.",
    implementation = _java_package_impl,
    attrs = dict({
        "artifact_id": attr.string(mandatory = True),
        "authors": attr.string(default = PROJECT.authors),
        "description": attr.string(mandatory = True),
        "exported_packages": attr.string_list(
            doc = "The packages that users see, which are documented.",
            allow_empty = False,
            mandatory = True,
        ),
        "group_id": attr.string(mandatory = True),
        "library": attr.label(
            doc = "What goes into the jar, with all that it depends on.",
            mandatory = True,
            providers = [JavaLibraryInfo],
        ),
        "license": attr.label(allow_single_file = True, mandatory = True),
        "license_name": attr.string(
            doc = "The license's SPDX identifier.",
            default = PROJECT.license,
        ),
        "license_url": attr.string(default = PROJECT.license_url),
        "module_name": attr.string(mandatory = True),
        "natives": attr.label(
            cfg = optimized,
            providers = [NativeBundleInfo],
        ),
        "platform": attr.string(
            doc = "The natives' <os>-<arch>.",
            default = "linux-x86_64",
        ),
        "repository": attr.string(
            doc = "Where Git finds the sources.",
            default = PROJECT.repository,
        ),
        "title": attr.string(mandatory = True),
        "url": attr.string(default = PROJECT.url),
        "version": attr.string(mandatory = True),
        "_jar": attr.label(
            default = "//tools/jvm/private:jar",
            executable = True,
            cfg = "exec",
        ),
        "_jdk": attr.label(default = "//tools/deps:jdk"),
        "_pom": attr.label(
            default = "//tools/jvm/private:pom.xml",
            allow_single_file = True,
        ),
    }, **TRANSITION_ATTRS),
)
