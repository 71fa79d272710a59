#!/bin/sh
# Whether the benchmark of .NET's pools still runs, at whatever speed.
set -eu

output=$("$1" --smoke)
echo "$output"
for case in 'ThreadPool.SubmitAsync, await all' 'ThreadPool.SubmitAsync, one by one' \
  'the same, AllowContinuationsOnWorkers' \
  'ProcessPool.SubmitAsync, one by one'; do
  echo "$output" | grep -Eq "^$case +[0-9]+ +[0-9.]+$"
done
! "$1" --somke
