"""Bazel 4's own CcInfo under the name of @rules_cc//cc/common:cc_info.bzl."""

load(":natives.bzl", "native_cc_info")

CcInfo = native_cc_info
