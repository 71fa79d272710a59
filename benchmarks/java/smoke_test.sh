#!/bin/sh
# Whether the benchmark of Java's pools still runs, at whatever speed.
set -eu

output=$("$1" --smoke)
echo "$output"
for case in 'submit and get' 'execute' 'round trip' 'process round trip'; do
  echo "$output" | grep -Eq "^$case, ns +[0-9]+"
done
! "$1" --ronuds=2
