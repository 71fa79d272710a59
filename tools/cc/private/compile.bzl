"""How the toolchain compiles C++, for rules that only look at code."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

# Of a rule that calls compile_command(), which has this toolchain type and the
# fragment "cpp", too.
COMPILE_ATTRS = {
    "copts": attr.string_list(),
    "deps": attr.label_list(providers = [CcInfo]),
    "_cc_toolchain": attr.label(
        default = "@bazel_tools//tools/cpp:current_cc_toolchain",
    ),
}
TOOLCHAINS = ["@bazel_tools//tools/cpp:toolchain_type"]

def compile_command(ctx, flags = []):
    """Tells how a file that uses the rule's deps is compiled.

    Args:
      ctx: the rule's context; it has COMPILE_ATTRS.
      flags: further compiler flags.

    Returns:
      A struct: words, the command less the file; inputs, a depset of files that
      it reads; and headers, a depset of those that the file may include.
    """
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
    return struct(
        headers = context.headers,
        inputs = depset(transitive = [context.headers, cc_toolchain.all_files]),
        words = [compiler] + command,
    )
