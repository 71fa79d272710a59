"""What Bazel's own Java rules get of a target of ours."""

load("@rules_java//java/common:java_info.bzl", "JavaInfo")

def _java_info_jars_impl(ctx):
    jars = ctx.attr.dep[JavaInfo].transitive_compile_time_jars
    return [DefaultInfo(
        files = jars,
        runfiles = ctx.runfiles(jars.to_list()),
    )]

java_info_jars = rule(
    doc = "The jars that a java_library with that dependency is compiled against.",
    implementation = _java_info_jars_impl,
    attrs = {
        "dep": attr.label(mandatory = True, providers = [JavaInfo]),
    },
)
