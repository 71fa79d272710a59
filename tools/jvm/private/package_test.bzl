"""The rule behind asyncpal_java_package_test()."""

load(":compile.bzl", "COMPILE_ATTRS", "JavaLibraryInfo", "compile", "jdk_file")
load(":executable.bzl", "quote", "runfiles_path")
load(":package.bzl", "JavaPackageInfo")

def _java_package_test_impl(ctx):
    jar = ctx.actions.declare_file(ctx.label.name + ".jar")
    compile(ctx, jar, [ctx.attr.package])
    files = [ctx.attr.package[JavaPackageInfo].jar, jar]
    script = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.expand_template(
        template = ctx.file._script,
        output = script,
        is_executable = True,
        substitutions = {
            "%{jars}": " ".join([quote(runfiles_path(ctx, f)) for f in files]),
            "%{java}": runfiles_path(ctx, jdk_file(ctx, "java")),
            "%{keeps}": ctx.attr.keeps,
            "%{jvm_flags}": " ".join([quote(f) for f in ctx.attr.jvm_flags]),
            "%{main_class}": ctx.attr.main_class,
            "%{target}": str(ctx.label),
        },
    )
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles(files = files + ctx.files._jdk),
    )]

_ATTRS = dict(COMPILE_ATTRS)
_ATTRS.pop("deps")
_ATTRS.pop("native_deps")

java_package_test = rule(
    doc = "A program that uses a package as its users do.",
    implementation = _java_package_test_impl,
    test = True,
    attrs = dict(
        _ATTRS,
        jvm_flags = attr.string_list(),
        keeps = attr.string(),
        main_class = attr.string(mandatory = True),
        package = attr.label(
            mandatory = True,
            providers = [JavaLibraryInfo, JavaPackageInfo],
        ),
        _script = attr.label(
            default = "//tools/jvm/private:package_test.sh",
            allow_single_file = True,
        ),
    ),
)
