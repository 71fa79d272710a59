#!/bin/sh
# Whether the benchmark of Java's pools still runs, at whatever speed.
set -eu

output=$("$1" --smoke --cpp="$2")
echo "$output"
for case in 'submit and get' 'execute' 'round trip' 'process round trip'; do
  echo "$output" | grep -Eq "^$case, ns +[0-9]+"
done
echo "$output" | grep -Eq '^process round trip, ns +[0-9]+ +[0-9]+ .* x c\+\+'
! "$1" --ronuds=2
