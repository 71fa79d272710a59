"""The repositories that Asyncpal needs, all of them made on this machine."""

load(":stand_in_repository.bzl", "stand_in_repository")
load(":system_repository.bzl", "system_repository")

# Bazel 4 loads these itself and would download them.
_STAND_INS = {
    "remote_coverage_tools": {
        Label("//tools/deps/stand_ins:remote_coverage_tools.BUILD"): "BUILD",
    },
    "rules_cc": {Label("//tools/deps/stand_ins:rules_cc.bzl"): "cc/defs.bzl"},
    "rules_java": {
        Label("//tools/deps/stand_ins:rules_java.bzl"): "java/defs.bzl",
    },
}

def asyncpal_repositories():
    """Declares every repository that the calling WORKSPACE has not declared."""
    for name, files in _STAND_INS.items():
        if not native.existing_rule(name):
            stand_in_repository(name = name, files = files)
    if not native.existing_rule("asyncpal_system"):
        system_repository(name = "asyncpal_system")
