"""The repositories that Asyncpal needs, all of them made on this machine."""

load("//tools/dotnet:repositories.bzl", "asyncpal_dotnet_repositories")
load(":jdk_repository.bzl", "jdk_repository")
load(":stand_in_repository.bzl", "stand_in_repository")
load(":system_repository.bzl", "system_repository")

# Bazel 4 would download these. Newer ones need them as they really are.
_STAND_INS = {
    "remote_coverage_tools": {
        Label("//tools/deps/stand_ins:remote_coverage_tools.BUILD"): "BUILD",
    },
    "rules_cc": {Label("//tools/deps/stand_ins:rules_cc.bzl"): "cc/defs.bzl"},
    "rules_java": {
        Label("//tools/deps/stand_ins:rules_java.bzl"): "java/defs.bzl",
    },
}

def _is_bazel_4():
    # Debian's build of it gives no version.
    version = native.bazel_version
    return not version or version.startswith("4.")

def asyncpal_repositories():
    """Declares every repository that the calling WORKSPACE has not declared."""
    for name, files in _STAND_INS.items():
        if _is_bazel_4() and not native.existing_rule(name):
            stand_in_repository(name = name, files = files)
    if not native.existing_rule("asyncpal_system"):
        system_repository(name = "asyncpal_system")
    if not native.existing_rule("asyncpal_jdk"):
        jdk_repository(name = "asyncpal_jdk")
    asyncpal_dotnet_repositories()
