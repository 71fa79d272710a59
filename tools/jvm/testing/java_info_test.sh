#!/bin/bash
# Compiles a program against jars alone: java_info_test.sh <source> <jar>...
set -eu
source=$1
shift
(($# == 1)) || { echo "there are $# jars: $*"; exit 1; }
"${JAVA_HOME:+$JAVA_HOME/bin/}javac" -d "$TEST_TMPDIR/classes" -cp "$1" "$source"
[ -e "$TEST_TMPDIR/classes/user/PackageUser.class" ]
