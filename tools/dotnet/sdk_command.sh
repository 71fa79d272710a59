#!/bin/bash
# Runs a command of the .NET SDK in a home that is the caller's alone, and once
# more if a signal ends it: the SDK may crash as it exits while a TLS connection
# of its restore is still open (dotnet/runtime#48411). No code of the packages
# under test runs in it.
# sdk_command.sh <dotnet> <arguments...>

# In a new home, the SDK first migrates NuGet's settings, one process at a time;
# where several begin at once, its lock may throw. There is nothing to migrate.
mkdir -p "$HOME/.local/share/NuGet/Migrations"
touch "$HOME/.local/share/NuGet/Migrations/1"

"$@" && exit
code=$?
((code > 128)) || exit "$code"
echo "sdk_command.sh: '$*' exited with code $code, and is run once more" >&2
exec "$@"
