#!/bin/sh
# A program gets its arguments, and has beside it what its libraries need.
wanted='Hello, Ada and Charles B.!
26 bytes'
got=$("$1" Ada "Charles B.") || exit 1
[ "$got" = "$wanted" ] || {
  echo "got: $got"
  exit 1
}
