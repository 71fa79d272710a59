#!/usr/bin/env bash
# check_compile_fail.py on outputs of a compiler, good ones and bad ones.
set -uo pipefail

check=$PWD/$1
cd "$TEST_TMPDIR" || exit 1
failures=0

# log <name> <exit code> <line>...: what a compiler has left.
log() {
  local name=$1 code=$2
  shift 2
  { (($# == 0)) || printf '%s\n' "$@"; echo "exit code: $code"; } >"$name"
}

# accepts, refuses <what> <why> <arguments of the check>
accepts() {
  "$check" "${@:2}" >out 2>&1 || { echo "FAILED: $1 was refused"; ((failures += 1)); }
}
refuses() {
  if "$check" "${@:3}" >out 2>&1; then
    echo "FAILED: $1 was accepted"
    ((failures += 1))
  elif ! grep -q "$2" out; then
    echo "FAILED: for $1 it doesn't say '$2'"
    ((failures += 1))
  fi
}

log fine 0
log warned 0 'a.cc:1:2: warning: unused error: variable'
log one 1 'a.h: In instantiation of x:' 'a.cc:1:2:   required from here' \
  'a.h:3:4: error: static assertion failed: no pointers, please' \
  'a.h:3:4: note: this evaluates to false'
log two 1 'a.h:3:4: error: static assertion failed: no pointers, please' \
  "a.cc:5:6: error: 'y' was not declared in this scope"
log note_only 1 "a.cc:5:6: error: 'y' was not declared" \
  'a.h:3:4: note: no pointers, please'
log stopped 1 'a.h:3:4: error: #error no pointers, please' \
  'a.h:4:10: fatal error: stop: No such file or directory' \
  'compilation terminated.'
log stopped_late 1 'a.h:3:4: error: #error no pointers, please' \
  "a.cc:5:6: error: 'y' was not declared in this scope" \
  'a.h:4:10: fatal error: stop: No such file or directory'
log silent 1

accepts 'one error with the message' fine one 'no pointers, please'
accepts 'a warning in the control' warned one 'no pointers, please'
refuses 'a control that fails' 'control does not compile' one one 'no pointers'
refuses 'a case that compiles' 'must not' fine fine 'no pointers'
refuses 'another message' 'no error says' fine one 'no references'
refuses 'a message in a note' 'no error says' fine note_only 'no pointers'
refuses 'a compiler without a message' 'no error says' fine silent 'no pointers'
refuses 'a second error' '2 errors instead of one' fine two 'no pointers'
accepts 'a fatal error after the message' fine stopped 'no pointers, please'
refuses 'a second error before a fatal one' '2 errors instead of one' \
  fine stopped_late 'no pointers'
refuses 'the second case of two' 'must not' fine one 'no pointers' fine 'more'

((failures == 0))
