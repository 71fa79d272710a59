#!/usr/bin/env bash
# wordcount against find and wc, on a tree of odd files and on a real one.
set -uo pipefail

wordcount=$PWD/$1
work=$(mktemp -d "$TEST_TMPDIR/work.XXXXXX")
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  echo "FAILED: $*"
  ((failures += 1))
}

# expect <what> <wanted> <got>
expect() { [[ $2 == "$3" ]] || fail "$1: wanted '$2', got '$3'"; }

# The last row of the table, as bare numbers: lines, words, bytes, files.
totals() {
  sed -n 's/,//g; s/^ *\([0-9]*\)  *\([0-9]*\)  *\([0-9]*\)  total of \([0-9]*\) files*$/\1 \2 \3 \4/p'
}

# The same from find and wc.
wc_totals() {
  local counts
  counts=$(find "$1" -type f -print0 | LC_ALL=C wc --files0-from=- | tail -n 1 |
    awk '{ print $1, $2, $3 }')
  echo "$counts $(find "$1" -type f -printf . | wc -c)"
}

# count <arguments>: leaves what was printed in the files out and err, and
# the exit code in $code.
count() {
  code=0
  "$wordcount" "$@" >out 2>err || code=$?
}

# Root may read everything, unless it gives that up.
unprivileged() {
  if [[ $(id -u) == 0 ]]; then
    setpriv --bounding-set=-dac_override,-dac_read_search "$@"
  else
    "$@"
  fi
}

mkdir -p tree/deep/er 'tree/two words' tree/empty outside
printf 'one two\nthree\n' >tree/plain
printf 'no newline at the end' >tree/no_newline
: >tree/empty_file
printf 'dos\r\nline ends\r\n' >tree/crlf
printf 'a\fb\vc\td' >tree/form_feed
printf 'non\xa0breaking \xc2\xa0 \xff' >tree/bytes
printf 'nul\0 \0 nul' >tree/nul
printf '\n\n\n' >tree/newlines
printf 'spaces in the name\n' >'tree/two words/a b'
printf 'newline in the name\n' >$'tree/deep/line\nbreak'
printf 'x' >$'tree/deep/er/\xff -n'
head -c 300000 "$wordcount" >tree/binary
for i in {1..300}; do echo "file number $i" >"tree/deep/$i"; done
echo 'not in the tree' >outside/file
ln -s ../outside tree/link_out
ln -s plain tree/link_in

count tree
expect 'exit code' 0 "$code"
expect 'totals of the odd tree' "$(wc_totals tree)" "$(totals <out)"
expect 'stderr, which is no terminal' '' "$(cat err)"
expect 'rows' 10 "$(sed '1d; /^-/,$d' out | wc -l)"
expect 'largest file' binary "$(sed -n '2s/.* //p' out)"

for workers in 1 9; do
  count --workers "$workers" tree
  expect "totals of $workers workers" "$(wc_totals tree)" "$(totals <out)"
done

count --processes tree
expect 'exit code of processes' 0 "$code"
expect 'totals of processes' "$(wc_totals tree)" "$(totals <out)"
expect 'stderr of processes' '' "$(cat err)"
sed '$d' out >processes
count tree
expect 'table of processes' "$(sed '$d' out)" "$(cat processes)"
count --workers 3 --processes /usr/include
expect 'totals of 3 processes' "$(wc_totals /usr/include)" "$(totals <out)"
grep -q ' s with 3 worker processes$' out || fail 'it does not say processes'

mkdir odd_name
printf 'text\n' >$'odd_name/a\nb'
count odd_name
expect 'name with a newline' 'a\x0ab' "$(sed -n '2s/.* //p' out)"

count tree/empty
expect 'totals of nothing' '0 0 0 0' "$(totals <out)"
expect 'exit code for nothing' 0 "$code"

# As `bazel run` does it, in a folder of its own.
mkdir elsewhere
(cd elsewhere && BUILD_WORKING_DIRECTORY=$work "$wordcount" tree) >out
expect 'relative to the caller' "$(wc_totals tree)" "$(totals <out)"

count /usr/include
expect 'totals of /usr/include' "$(wc_totals /usr/include)" "$(totals <out)"

# Three things that can't be read, and one that can.
mkdir -p damaged/locked_folder
echo 'still counted' >damaged/fine
echo 'secret' >damaged/locked_file
echo 'hidden' >damaged/locked_folder/file
ln -s nowhere damaged/dangling
chmod 0 damaged/locked_file damaged/locked_folder
code=0
unprivileged "$wordcount" damaged >out 2>err || code=$?
expect 'exit code with errors' 1 "$code"
expect 'totals with errors' '1 2 14 1' "$(totals <out)"
expect 'errors' "wordcount: damaged/dangling: No such file or directory
wordcount: damaged/locked_file: Permission denied
wordcount: damaged/locked_folder: Permission denied" "$(sort err)"
unprivileged "$wordcount" --processes damaged >out 2>err_of_processes
expect 'errors of processes' "$(sort err)" "$(sort err_of_processes)"

for bad in '' '--frobnicate tree' '--workers 0 tree' '--workers tree' \
  'tree tree' nowhere tree/plain; do
  # shellcheck disable=SC2086 # several arguments
  count $bad
  expect "exit code of wordcount $bad" 2 "$code"
  expect "stdout of wordcount $bad" '' "$(cat out)"
  grep -q '^wordcount: ' err || fail "no message for wordcount $bad"
done

"$wordcount" tree >/dev/full 2>err && fail 'a full disk went unnoticed'

# A terminal sees how far it is, and that line is gone in the end. The files of
# the first chunk take longer to read than the bar waits between two draws.
mkdir large
for i in {1..16}; do truncate -s 20M "large/zeros$i"; done
export TERM=xterm LC_ALL=C
unset CI
script -qec "'$wordcount' large 2>&1 >/dev/null" /dev/null </dev/null >err
expect 'beginning of progress' '0 files [00:00, ?/s]' \
  "$(tr '\r' '\n' <err | sed -n '2s/\x1b.*//p')"
expect 'progress' '100%|#| 16/16 [T<00:00, N files/s]' \
  "$(tr '\r' '\n' <err | sed -n '3{s/\x1b.*//; s/##*/#/; s/\[[0-9:]*/[T/; s/[0-9.]* files.s/N files\/s/p}')"
expect 'end of progress' $'\r\e[K' "$(tail -c 4 err)"

# And nothing of it in continuous integration.
CI=true script -qec "'$wordcount' large 2>&1 >/dev/null" /dev/null \
  </dev/null >err
expect 'progress in CI' '' "$(cat err)"

((failures == 0))
