"""The repositories that Asyncpal needs, all of them made on this machine."""

load("//tools/dotnet:repositories.bzl", "asyncpal_dotnet_repositories")
load("//tools/release:version_repository.bzl", "version_repository")
load("//tools/trace_report:speedscope_repository.bzl", "speedscope_repository")
load(":jdk_repository.bzl", "jdk_repository")
load(":programs_repository.bzl", "programs_repository")
load(":stand_in_repository.bzl", "stand_in_repository")
load(":system_repository.bzl", "system_repository")

# Bazel 4 would download these. Newer ones need them as they really are.
_STAND_INS = {
    "remote_coverage_tools": {
        Label("//tools/deps/stand_ins:remote_coverage_tools.BUILD"): "BUILD",
    },
    "rules_cc": {
        Label("//tools/deps/stand_ins:rules_cc.bzl"): "cc/defs.bzl",
        Label("//tools/deps/stand_ins:rules_cc_common.bzl"): "cc/common/cc_common.bzl",
        Label("//tools/deps/stand_ins:rules_cc_info.bzl"): "cc/common/cc_info.bzl",
        Label("//tools/deps/stand_ins:rules_cc_natives.bzl"): "cc/common/natives.bzl",
    },
    "rules_java": {
        Label("//tools/deps/stand_ins:rules_java.bzl"): "java/defs.bzl",
        Label("//tools/deps/stand_ins:rules_java_info.bzl"): "java/common/java_info.bzl",
        Label("//tools/deps/stand_ins:rules_java_natives.bzl"): "java/common/natives.bzl",
    },
    "rules_shell": {
        Label("//tools/deps/stand_ins:rules_shell_binary.bzl"): "shell/sh_binary.bzl",
        Label("//tools/deps/stand_ins:rules_shell_test.bzl"): "shell/sh_test.bzl",
    },
}

def _is_bazel_4():
    # Debian's build of it gives no version.
    version = native.bazel_version
    return not version or version.startswith("4.")

def asyncpal_repositories(abseil = "", capnp = "", googletest = ""):
    """Declares every repository that the calling WORKSPACE has not declared.

    Args:
      abseil: the repository of the workspace's own Abseil, as
        "@com_google_absl". By default it is the system's.
      capnp: the same of Cap'n Proto.
      googletest: the same of GoogleTest.
    """
    for name, files in _STAND_INS.items():
        if _is_bazel_4() and not native.existing_rule(name):
            stand_in_repository(name = name, files = files)
    if not native.existing_rule("asyncpal_system"):
        system_repository(
            name = "asyncpal_system",
            abseil = abseil,
            capnp = capnp,
            googletest = googletest,
        )
    if not native.existing_rule("asyncpal_jdk"):
        jdk_repository(name = "asyncpal_jdk")
    if not native.existing_rule("asyncpal_programs"):
        programs_repository(name = "asyncpal_programs")
    if not native.existing_rule("asyncpal_speedscope"):
        speedscope_repository(name = "asyncpal_speedscope")
    if not native.existing_rule("asyncpal_version"):
        version_repository(name = "asyncpal_version")
    asyncpal_dotnet_repositories()
