#!/bin/sh
# Runs %{main_class} of %{target} as a user would: it has a folder with the jars
# and a JDK, and nothing of Bazel.
set -eu

cd "$TEST_SRCDIR"
java=$(readlink -f "%{java}")
home=$(mktemp -d "$TEST_TMPDIR/package.XXXXXX")
mkdir "$home/jars" "$home/empty" "$home/tmp"
classpath=
for jar in %{jars}; do
  cp -L "$jar" "$home/jars"
  classpath=$classpath${classpath:+:}../jars/${jar##*/}
done

cd "$home/empty"
code=0
env -i "$java" -XX:-UsePerfData "-Djava.io.tmpdir=$home/tmp" %{jvm_flags} \
  -cp "$classpath" %{main_class} || code=$?
[ "$code" = 0 ] || {
  echo "FAILED: %{main_class} ended with $code" >&2
  exit 1
}
# What it keeps there for the next time is no trace of this one.
left=$(find "$home/empty" "$home/tmp" -mindepth 1 \
  -not -path "$home/tmp/%{keeps}" -not -path "$home/tmp/%{keeps}/*")
[ -z "$left" ] || {
  echo "FAILED: the program has left these files behind:" >&2
  echo "$left" >&2
  exit 1
}
