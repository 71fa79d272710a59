"""The rule behind asyncpal_maven_repository()."""

load(":package.bzl", "JavaPackageInfo")

def _maven_repository_impl(ctx):
    package = ctx.attr.package[JavaPackageInfo]
    folder = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add(folder.path)
    args.add_all([package.group_id, package.artifact_id, package.version])
    args.add_all(ctx.files.package)
    ctx.actions.run(
        executable = ctx.executable._lay_out,
        arguments = [args],
        inputs = ctx.files.package,
        outputs = [folder],
        mnemonic = "MavenRepository",
        progress_message = "Laying out %s" % folder.short_path,
        use_default_shell_env = True,
    )
    return [DefaultInfo(
        files = depset([folder]),
        runfiles = ctx.runfiles(files = [folder]),
    )]

maven_repository = rule(
    doc = "A folder that Maven and Gradle resolve a package from.",
    implementation = _maven_repository_impl,
    attrs = {
        "package": attr.label(
            mandatory = True,
            providers = [JavaPackageInfo],
        ),
        "_lay_out": attr.label(
            default = "//tools/jvm/private:maven_repository",
            executable = True,
            cfg = "exec",
        ),
    },
)
