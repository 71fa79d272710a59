"""The rule behind asyncpal_native_bundle()."""

NativeBundleInfo = provider(
    doc = "Shared libraries, complete.",
    fields = {
        "libraries": "a folder of them, with the lists index.txt, which names " +
                     "each one, and baseline.txt, what the machine must have.",
        "licenses": "a folder with <Debian package>/copyright of what is not " +
                    "our own in there.",
        "symbols": "a folder with the debug information of our own, as " +
                   "debuggers look for it: .build-id/<id>.debug.",
    },
)

def _native_bundle_impl(ctx):
    libraries = ctx.actions.declare_directory(ctx.label.name)
    licenses = ctx.actions.declare_directory(ctx.label.name + "_licenses")
    symbols = ctx.actions.declare_directory(ctx.label.name + "_symbols")
    args = ctx.actions.args()
    args.add("--libraries", libraries.path)
    args.add("--licenses", licenses.path)
    args.add("--symbols", symbols.path)
    args.add_all(ctx.attr.baseline, before_each = "--baseline")
    args.add_all(ctx.files.libraries)
    ctx.actions.run(
        executable = ctx.executable._bundle,
        arguments = [args],
        inputs = ctx.files.libraries,
        outputs = [libraries, licenses, symbols],
        mnemonic = "NativeBundle",
        progress_message = "Collecting native libraries of %s" % ctx.label,
        use_default_shell_env = True,
    )
    return [
        DefaultInfo(
            files = depset([libraries]),
            runfiles = ctx.runfiles(files = [libraries, symbols]),
        ),
        NativeBundleInfo(
            libraries = libraries,
            licenses = licenses,
            symbols = symbols,
        ),
    ]

native_bundle = rule(
    doc = "Shared libraries with all that they need on another machine.",
    implementation = _native_bundle_impl,
    attrs = {
        "baseline": attr.string_list(
            doc = "The newest version of each family that may be needed.",
        ),
        "libraries": attr.label_list(
            doc = "The shared libraries that a program will load.",
            allow_empty = False,
            allow_files = [".so"],
            mandatory = True,
        ),
        "_bundle": attr.label(
            default = "//tools/native/private:bundle",
            executable = True,
            cfg = "exec",
        ),
    },
)
