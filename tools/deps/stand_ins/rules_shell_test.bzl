"""Bazel 4's own rule under the name of @rules_shell//shell:sh_test.bzl."""

sh_test = native.sh_test
