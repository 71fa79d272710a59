"""The rule behind asyncpal_cc_compile_fail_test()."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _compile(ctx, case, flags):
    """Compiles the source in one case, and returns the compiler's output."""
    log = ctx.actions.declare_file("%s_%s.log" % (ctx.label.name, case))
    cc_toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = cc_toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    context = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = cc_toolchain,
        user_compile_flags = ctx.fragments.cpp.copts +
                             ctx.fragments.cpp.cxxopts + ctx.attr.copts + flags,
        include_directories = context.includes,
        quote_include_directories = context.quote_includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = context.defines,
    )
    command = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = variables,
    )
    compiler = cc_common.get_tool_for_action(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
    )

    # The compiler fails, which must not end the build.
    ctx.actions.run_shell(
        command = 'log=$1; shift; "$@" >"$log" 2>&1; echo "exit code: $?" >>"$log"',
        arguments = [log.path, compiler] + command +
                    ["-fsyntax-only", ctx.file.src.path],
        inputs = depset(
            [ctx.file.src],
            transitive = [context.headers, cc_toolchain.all_files],
        ),
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
    attrs = {
        "case_copts": attr.string_list(),
        "cases": attr.string_dict(mandatory = True, allow_empty = False),
        "copts": attr.string_list(),
        "deps": attr.label_list(providers = [CcInfo]),
        "src": attr.label(mandatory = True, allow_single_file = [".cc"]),
        "_cc_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
        "_check": attr.label(
            default = "//tools/cc:check_compile_fail",
            executable = True,
            cfg = "target",
        ),
    },
    fragments = ["cpp"],
    test = True,
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
