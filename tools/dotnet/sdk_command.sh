#!/bin/bash
# Runs a command of the .NET SDK, and once more if a signal ends it: the SDK
# may crash as it exits while a TLS connection of its restore is still open
# (dotnet/runtime#48411). No code of the packages under test runs in it.
# sdk_command.sh <dotnet> <arguments...>
"$@" && exit
code=$?
((code > 128)) || exit "$code"
echo "sdk_command.sh: '$*' exited with code $code, and is run once more" >&2
exec "$@"
