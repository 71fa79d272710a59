#!/bin/sh
# What --config=release tells packages of the workspace.
set -eu
commit=$(git rev-parse HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || {
  echo "there are changes that no commit has: commit them before a release" >&2
  exit 1
}
echo "STABLE_COMMIT $commit"
