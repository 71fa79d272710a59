"""Bazel 4's own, under names that a file may load and pass on."""

native_cc_common = cc_common
native_cc_info = CcInfo
