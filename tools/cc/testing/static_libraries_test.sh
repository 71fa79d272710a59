#!/bin/sh
# An executable holds what it uses of Abseil.
set -eu

words=$("$1" one " two  three")
[ "$words" = one,two,three ] || {
  echo "$1 printed '$words'"
  exit 1
}
needed=$(readelf -d "$1" | grep NEEDED)
case $needed in
  *absl*)
    echo "$1 needs shared libraries of Abseil:"
    echo "$needed"
    exit 1
    ;;
  *libstdc++*) ;;
  *)
    echo "readelf told nothing of $1: $needed"
    exit 1
    ;;
esac
