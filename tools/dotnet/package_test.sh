#!/bin/bash
# Uses a NuGet package as its users do: a new console project in an empty
# folder, built and run by dotnet alone. No other packages can be restored than
# those that are given.
# package_test.sh <dotnet> <framework> <sdk_command> <package>
#   <source file or package...>
set -eu
dotnet=$1 framework=$2 command=$PWD/$3 package=$4
shift 4

name=${package##*/}
name=${name%.nupkg}
version=$(sed -E 's/^[^0-9]*\.([0-9])/\1/' <<<"$name")
id=${name%".$version"}

root=$(mktemp -d "$TEST_TMPDIR/XXXXXX")
mkdir "$root/feed" "$root/home" "$root/app"
cp -L "$package" "$root/feed"
for file; do
  case $file in
  *.nupkg) cp -L "$file" "$root/feed" ;;
  *) cp -L "$file" "$root/app" ;;
  esac
done

cd "$root/app"
cat >app.csproj <<EOF
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>$framework</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="$id" Version="$version" />
  </ItemGroup>
</Project>
EOF
cat >NuGet.Config <<EOF
<configuration>
  <packageSources>
    <clear />
    <add key="feed" value="$root/feed" />
  </packageSources>
  <fallbackPackageFolders><clear /></fallbackPackageFolders>
</configuration>
EOF

# Nothing of the test's environment, such as the runfiles or a library path.
clean=(env -i PATH=/usr/bin:/bin HOME="$root/home" LC_ALL=C.UTF-8
  DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
  DOTNET_GENERATE_ASPNET_CERTIFICATE=false
  DOTNET_ROOT="$(dirname "$dotnet")")

"${clean[@]}" "$command" "$dotnet" build --disable-build-servers --verbosity quiet \
  --output "$root/out" -warnaserror
cd "$root/home"
"${clean[@]}" "$root/out/app"
