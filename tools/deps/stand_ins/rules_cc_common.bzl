"""Bazel 4's own cc_common under the name of @rules_cc//cc/common:cc_common.bzl."""

load(":natives.bzl", "native_cc_common")

cc_common = native_cc_common
