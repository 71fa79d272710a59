#!/bin/bash
# How a test of asyncpal_csharp_test ends, and what it reports.
# run_tests_test.sh <program of SampleTests>
set -u
tests=$1
export XML_OUTPUT_FILE=$TEST_TMPDIR/report.xml
failures=0

fail() {
  echo "FAILED: $*"
  sed 's/^/    /' "$TEST_TMPDIR/log" "$XML_OUTPUT_FILE"
  failures=1
}

# run <wanted exit code> <filter> [variable=value...]
run() {
  local wanted=$1 filter=$2 code=0
  shift 2
  rm -f "$XML_OUTPUT_FILE"
  env -u TEST_TOTAL_SHARDS "$@" TESTBRIDGE_TEST_ONLY="$filter" "$tests" \
    >"$TEST_TMPDIR/log" 2>&1 || code=$?
  [ "$code" = "$wanted" ] || fail "$filter: exit code $code, not $wanted"
}

# reports <string>: it is in the XML report.
reports() {
  grep -qF -- "$1" "$XML_OUTPUT_FILE" || fail "the report lacks: $1"
}

run 0 'SampleTests.Passes'
reports 'tests="2" failures="0"'
reports '<testcase classname="Asyncpal.Testing.SampleTests" name="PassesToo"'

run 0 '*SampleTests.Passes'
reports 'tests="1" failures="0"'

run 0 'IsSkipped'
reports 'skipped="1"'
reports 'not today'

run 1 'SampleTests.Fails'
reports 'tests="1" failures="1"'
reports 'System.InvalidOperationException : outer?'
reports 'System.ArgumentException : &lt;inner&gt;'
grep -q 'SampleTests.cs:line' "$TEST_TMPDIR/log" || fail 'no line of the stack'

run 1 'NoSuchTest'
grep -q 'none of the 6 tests.*--test_filter=NoSuchTest' "$TEST_TMPDIR/log" ||
  fail 'does not say that nothing ran'

# The test itself passes; what is around it does not.
run 1 'FixtureTests'
reports 'leaks'

# Each test runs in one of two shards.
for shard in 0 1; do
  run 0 'SampleTests.Passes' TEST_TOTAL_SHARDS=2 TEST_SHARD_INDEX=$shard \
    TEST_SHARD_STATUS_FILE="$TEST_TMPDIR/status"
  reports 'tests="1" failures="0"'
  [ -e "$TEST_TMPDIR/status" ] || fail 'says nothing of shards'
  cat "$XML_OUTPUT_FILE" >>"$TEST_TMPDIR/both"
done
for name in Passes PassesToo; do
  [ "$(grep -c "name=\"$name\"" "$TEST_TMPDIR/both")" = 1 ] ||
    fail "$name did not run once in two shards"
done

# What hangs is named when Bazel ends it.
mkfifo "$TEST_TMPDIR/output"
TESTBRIDGE_TEST_ONLY=Hangs "$tests" >"$TEST_TMPDIR/output" 2>&1 &
hanging=$!
exec 3<"$TEST_TMPDIR/output"
IFS= read -r line <&3
[[ $line == "running "*Hangs ]] || fail "does not say what runs: $line"
kill -TERM "$hanging"
wait "$hanging" && fail 'what was ended has passed'
reports 'Hangs was ended before it had finished'

exit $failures
