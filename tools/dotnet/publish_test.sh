#!/bin/bash
# Uses a NuGet package in a program that is built in one way, and compares what
# the program says of itself, started with an empty argument at the end.
# publish_test.sh <dotnet> <framework> <sdk_command> <package> <way> <source file>
#   <line> <other package...>
#
# Ways: framework (needs .NET where it runs), single (one file), trimmed, native
# (compiled ahead of time), script (`dotnet run file.cs`). All but the first and
# the last restore packages of .NET's own.
set -eu
dotnet=$1 framework=$2 command=$PWD/$3 package=$4 way=$5 source=$6 wanted=$7
shift 7

name=${package##*/}
name=${name%.nupkg}
version=$(sed -E 's/^[^0-9]*\.([0-9])/\1/' <<<"$name")
id=${name%".$version"}

root=$(mktemp -d "$TEST_TMPDIR/XXXXXX")
mkdir "$root/feed" "$root/home" "$root/app"
cp -L "$package" "$@" "$root/feed"

# The machine's own settings say where packages of .NET come from.
home=$(getent passwd "$(id -u)" | cut -d: -f6)
clean=(env -i PATH=/usr/bin:/bin HOME="$root/home" LC_ALL=C.UTF-8
  DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
  DOTNET_GENERATE_ASPNET_CERTIFICATE=false
  DOTNET_ROOT="$(dirname "$dotnet")")
if [[ -e $home/.nuget/NuGet/NuGet.Config ]]; then
  mkdir -p "$root/home/.nuget/NuGet"
  cp "$home/.nuget/NuGet/NuGet.Config" "$root/home/.nuget/NuGet"
fi

cd "$root/app"
cat >nuget.config <<EOF
<configuration>
  <packageSources><add key="feed" value="$root/feed" /></packageSources>
</configuration>
EOF

# Workers need no program but this one.
restricted=("${clean[@]}" PATH=/nowhere)

case $way in
script)
  { echo "#:package $id@$version"; cat "$OLDPWD/$source"; } >app.cs
  answer=$("${clean[@]}" "$command" "$dotnet" run app.cs -- x "") ;;
*)
  cp -L "$OLDPWD/$source" app.cs
  roots=
  case $way in
  framework) options=(--self-contained false) ;;
  single) options=(--self-contained false -p:PublishSingleFile=true) ;;
  trimmed) options=(--self-contained -p:PublishTrimmed=true) ;;
  native) options=(-p:PublishAot=true) ;;
  esac
  case $way in
  trimmed | native) roots="<TrimmerRootAssembly Include=\"$id\" />" ;;
  esac
  cat >app.csproj <<EOF
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>$framework</TargetFramework>
    <RuntimeIdentifier>linux-x64</RuntimeIdentifier>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <TrimmerSingleWarn>false</TrimmerSingleWarn>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="$id" Version="$version" />
    <!-- Warns of all that is in it, and not of what the program uses alone. -->
    $roots
  </ItemGroup>
</Project>
EOF
  "${clean[@]}" "$command" "$dotnet" publish --disable-build-servers --verbosity quiet \
    --output "$root/out" -warnaserror "${options[@]}" >log 2>&1 || {
    cat log
    # Without network .NET's own packages can't be had. Ours is in the folder.
    grep -E "error NU1(101|102|301)" log | grep -qv "package $id" || exit 1
    echo "skipped: what '$way' needs of .NET can't be restored here"
    exit 0
  }
  answer=$(cd "$root/home" && "${restricted[@]}" "$root/out/app" x "") ;;
esac

if [[ $answer != "$wanted" ]]; then
  printf 'it said:\n%s\ninstead of:\n%s\n' "$answer" "$wanted"
  exit 1
fi
