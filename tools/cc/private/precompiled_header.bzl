"""A header that the compiler reads once for many files."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load(":compile.bzl", "COMPILE_ATTRS", "TOOLCHAINS", "compile_command")

def _precompiled_header_impl(ctx):
    header = ctx.actions.declare_file(ctx.label.name)

    # As it compiles tests; with other flags, GCC would read the header itself.
    pic = [] if ctx.var["COMPILATION_MODE"] == "opt" else ["-fPIC"]
    command = compile_command(ctx, pic)
    is_gcc = command.words[0].endswith("/gcc")
    ctx.actions.symlink(output = header, target_file = ctx.file.src)

    # Compilers look for it beside the header.
    extension = ".gch" if is_gcc else ".pch"
    precompiled = ctx.actions.declare_file(ctx.label.name + extension)

    # Clang writes down where what it reads is, and when that was made: this is
    # another folder for each action. So it gets the header as standard input.
    ctx.actions.run_shell(
        command = 'source=$1; shift; "$@" <"$source"',
        arguments = [ctx.file.src.path] + command.words +
                    ["-o", precompiled.path, "-x", "c++-header"] +
                    ([header.path] if is_gcc else ["-", "-Xclang", "-fno-pch-timestamp"]),
        inputs = depset([ctx.file.src, header], transitive = [command.inputs]),
        outputs = [precompiled],
        mnemonic = "CppPrecompiledHeader",
        progress_message = "Precompiling %s" % ctx.file.src.short_path,
    )
    return [
        DefaultInfo(files = depset([header])),
        CcInfo(compilation_context = cc_common.create_compilation_context(
            headers = depset([header, precompiled]),
        )),
    ]

# Files that depend on it can be compiled with "-include" and its path, which
# then costs little.
precompiled_header = rule(
    implementation = _precompiled_header_impl,
    attrs = dict(COMPILE_ATTRS, src = attr.label(
        mandatory = True,
        allow_single_file = [".h"],
    )),
    fragments = ["cpp"],
    toolchains = TOOLCHAINS,
)
