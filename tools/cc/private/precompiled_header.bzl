"""A header that the compiler reads once for many files."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load(":compile.bzl", "COMPILE_ATTRS", "TOOLCHAINS", "compile_command")

def _precompiled_header_impl(ctx):
    header = ctx.actions.declare_file(ctx.label.name)
    headers = [header]

    # As it compiles tests; with other flags, GCC would read the header itself.
    pic = [] if ctx.var["COMPILATION_MODE"] == "opt" else ["-fPIC"]
    command = compile_command(ctx, pic)
    if command.words[0].endswith("/gcc"):
        ctx.actions.symlink(output = header, target_file = ctx.file.src)

        # GCC looks for it beside the header.
        precompiled = ctx.actions.declare_file(ctx.label.name + ".gch")
        headers.append(precompiled)
        ctx.actions.run(
            executable = command.words[0],
            arguments = command.words[1:] + [
                "-x",
                "c++-header",
                header.path,
                "-o",
                precompiled.path,
            ],
            inputs = depset([header], transitive = [command.inputs]),
            outputs = [precompiled],
            mnemonic = "CppPrecompiledHeader",
            progress_message = "Precompiling %s" % ctx.file.src.short_path,
        )
    else:
        # What Clang makes refers to the folder where it was made.
        ctx.actions.write(header, "")
    return [
        DefaultInfo(files = depset([header])),
        CcInfo(compilation_context = cc_common.create_compilation_context(
            headers = depset(headers),
        )),
    ]

# Files that depend on it can be compiled with "-include" and its path, which
# then costs little. By other compilers than GCC nothing is included.
precompiled_header = rule(
    implementation = _precompiled_header_impl,
    attrs = dict(COMPILE_ATTRS, src = attr.label(
        mandatory = True,
        allow_single_file = [".h"],
    )),
    fragments = ["cpp"],
    toolchains = TOOLCHAINS,
)
