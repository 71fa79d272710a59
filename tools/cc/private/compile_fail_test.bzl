"""The rule behind asyncpal_cc_compile_fail_test()."""

load(":compile.bzl", "COMPILE_ATTRS", "TOOLCHAINS", "compile_command")

def _compile(ctx, case, flags):
    """Compiles the source in one case, and returns the compiler's output."""
    log = ctx.actions.declare_file("%s_%s.log" % (ctx.label.name, case))
    command = compile_command(ctx, flags)

    # The compiler fails, which must not end the build.
    ctx.actions.run_shell(
        command = 'log=$1; shift; "$@" >"$log" 2>&1; echo "exit code: $?" >>"$log"',
        arguments = [log.path] + command.words +
                    ["-fsyntax-only", ctx.file.src.path],
        inputs = depset([ctx.file.src], transitive = [command.inputs]),
        outputs = [log],
        env = {"LC_ALL": "C"},
        mnemonic = "CppCompileFail",
        progress_message = "Compiling %s as %s" % (ctx.file.src.short_path, case),
    )
    return log

def _quote(text):
    return "'" + text.replace("'", "'\\''") + "'"

def _compile_fail_test_impl(ctx):
    control = _compile(ctx, "control", [])
    logs = [control]
    words = [control.short_path]
    for case, message in ctx.attr.cases.items():
        log = _compile(ctx, case, ["-D" + case] + ctx.attr.case_copts)
        logs.append(log)
        words += [log.short_path, message]
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        "#!/bin/sh\nexec %s\n" % " \\\n  ".join(
            [_quote(word) for word in [ctx.executable._check.short_path] + words],
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = logs)
    return [DefaultInfo(
        executable = script,
        runfiles = runfiles.merge(ctx.attr._check[DefaultInfo].default_runfiles),
    )]

compile_fail_test = rule(
    implementation = _compile_fail_test_impl,
    attrs = dict(COMPILE_ATTRS, **{
        "case_copts": attr.string_list(),
        "cases": attr.string_dict(mandatory = True, allow_empty = False),
        "src": attr.label(mandatory = True, allow_single_file = [".cc"]),
        "_check": attr.label(
            default = "//tools/cc:check_compile_fail",
            executable = True,
            cfg = "target",
        ),
    }),
    fragments = ["cpp"],
    test = True,
    toolchains = TOOLCHAINS,
)
