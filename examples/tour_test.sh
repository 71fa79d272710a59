#!/usr/bin/env bash
# Whether the tour says what happened: its counts are those of wc, and each of
# its accidents is told.
set -euo pipefail
tour=$PWD/$1
work=$(mktemp -d "$TEST_TMPDIR/tour.XXXXXX")

mkdir -p "$work/tree/deep"
for i in {1..300}; do
  echo "file number $i and more" >"$work/tree/deep/$i"
done
cp "$tour" "$work/tree/binary"

# expect <extended regular expression>: one line is like that.
expect() {
  grep -qxE "$1" "$work/out" || {
    echo "FAILED: there is no line '$1' in"
    cat "$work/out"
    exit 1
  }
}

grouped() { sed ':a; s/^\([0-9]*[0-9]\)\([0-9]\{3\}\)/\1,\2/; ta'; }

cd "$work"
"$tour" tree >out
words=$(find tree -type f -print0 | LC_ALL=C wc -w --files0-from=- |
  tail -n 1 | awk '{print $1}' | grouped)
bytes=$(find tree -type f -print0 | wc -c --files0-from=- | tail -n 1 |
  awk '{print $1}' | grouped)
for who in 'threads  ' processes; do
  expect "$who +301 files, $words words, $bytes bytes in .*"
done
expect '.* the counts are the same,'
expect '  it crashes: .*killed by signal 11.*'
expect '  it never ends, and is killed: .*'
expect '  it has a time limit: .*200ms.*'
expect "  it throws: port is 'eighty'"
expect ' +caused by: stoi'
expect ' +at: tour::\(anonymous namespace\)::ReadPort.*'
expect 'The pool goes on: 6 times 7 is 42\. Of 9 tasks, 5 completed, 3 failed and 1 was cancelled\.'
lines=$(wc -l <out)
((lines <= 20)) || {
  echo "FAILED: $lines lines are more than 20"
  exit 1
}

code=0
"$tour" nowhere 2>err || code=$?
[[ $code == 2 ]] && grep -q 'nowhere.* is no folder' err || {
  echo "FAILED: for a folder that is not there, $code and $(cat err)"
  exit 1
}
