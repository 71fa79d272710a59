#!/bin/sh
# Fails unless Asyncpal's targets reach the Abseil of this workspace, and none of
# the system's.
set -eu
cd "$(dirname "$0")"
bazel() { ../../../../bazelw --batch "$@" --noshow_progress --color=no; }
bazel build --nobuild //:hello
found=$(bazel query --output=label 'deps(@asyncpal//pool)')
echo "$found" | grep -q '^@com_google_absl//absl/status:statusor$'
! echo "$found" | grep '^@asyncpal_system//:absl_.*_internal'
