"""Bazel 4's own JavaInfo under the name of @rules_java//java/common:java_info.bzl."""

load(":natives.bzl", "native_java_info")

JavaInfo = native_java_info
