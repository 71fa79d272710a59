"""Bazel 4's own, under a name that a file may load and pass on."""

native_java_info = JavaInfo
