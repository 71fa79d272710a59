#!/bin/sh
# Runs %{main_class} of %{target}.
set -eu

case $0 in /*) self=$0 ;; *) self=$PWD/$0 ;; esac
if [ -d "$self.runfiles" ]; then
  runfiles=$self.runfiles
else
  # It lies among the runfiles of another program, a test for example.
  case $self in
  *.runfiles/*) runfiles=${self%%.runfiles/*}.runfiles ;;
  *)
    echo "$self: there are no runfiles beside this launcher" >&2
    exit 1
    ;;
  esac
fi

classpath=
for jar in %{jars}; do
  classpath=$classpath${classpath:+:}$runfiles/$jar
done
libraries=
for folder in %{library_folders}; do
  libraries=$libraries${libraries:+:}$runfiles/$folder
done

# Without performance data: in sandboxes, all JVMs have the same process id, by
# which they would name that file in /tmp.
exec "$runfiles/%{java}" -XX:-UsePerfData \
  ${libraries:+"-Djava.library.path=$libraries"} \
  ${TEST_TMPDIR:+"-Djava.io.tmpdir=$TEST_TMPDIR"} \
  %{jvm_flags} -cp "$classpath" %{main_class} %{args} "$@"
