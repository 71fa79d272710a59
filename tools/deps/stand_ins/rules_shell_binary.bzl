"""Bazel 4's own rule under the name of @rules_shell//shell:sh_binary.bzl."""

sh_binary = native.sh_binary
