#!/bin/bash
# Installs into an empty folder, and builds programs on that as users do.
# install_test.sh <install> <sdk> <VERSION> <squares.cc> <throws.cc> <no_entry.cc>
set -eu
install=$PWD/$1 sdk=$PWD/$2 version=$(cat "$3")
squares=$(readlink -f "$4") throws=$(readlink -f "$5")
no_entry=$(readlink -f "$6")

root=$(mktemp -d "$TEST_TMPDIR/install.XXXXXX")
prefix=$root/prefix
unset BUILD_WORKING_DIRECTORY
"$install" "$sdk" --prefix="$prefix" >/dev/null
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect <what is said> <name> <program...>
expect() {
  local wanted=$1 name=$2 said
  shift 2
  said=$(env -i "$@") || fail "$name ended with $?: $said"
  [ "$said" = "$wanted" ] || fail "$name said '$said' and not '$wanted'"
}

new_folder() {
  mkdir "$root/$1"
  cd "$root/$1"
  cp "$squares" .
}

new_folder compiler_alone
g++ -std=c++20 squares.cc -o squares @"$prefix/lib/asyncpal.args"
expect 491 "the program of g++ alone" ./squares

# What else a program does, with either library.
new_folder pkg_config
g++ -std=c++20 -c "$throws" $(pkg-config --cflags asyncpal)
for module in asyncpal-static asyncpal; do
  g++ throws.o -o throws $(pkg-config --libs $module) \
    -Wl,-rpath,"$(pkg-config --variable=libdir asyncpal)"
  expect "stack, 7, 1, $version
closed" "the program of $module" ./throws
done
# With the C++ runtime, or all of the system, in itself.
g++ throws.o -o throws -static-libstdc++ $(pkg-config --libs asyncpal-static)
expect "stack, 7, 1, $version
closed" "the program of asyncpal-static with libstdc++ in it" ./throws
g++ throws.o -o throws -static $(pkg-config --static --libs asyncpal-static)
expect "stack, 7, 1, $version
closed" "the static program" ./throws
g++ throws.o -o throws $(pkg-config --libs asyncpal) \
  -Wl,-rpath,"$(pkg-config --variable=libdir asyncpal)"
readelf -d throws | grep -q "NEEDED.*libasyncpal.so.${version%.*}" ||
  fail "the program of pkg-config does not need the shared library"

# Without what brings the library in front of main(), which must not run again.
new_folder no_entry
system=$(pkg-config --libs $(pkg-config --print-requires asyncpal))
g++ -std=c++20 -Wl,--build-id "$no_entry" -o no_entry \
  $(pkg-config --cflags asyncpal) "$prefix/lib/libasyncpal.a" $system
said=$(env -i ./no_entry 2>errors) || fail "the program without an entry: $said"
case $said in
*"call asyncpal::InitWorker() first in main(), or link with -Wl,--wrap=main"*) ;;
*) fail "the program without an entry said '$said'" ;;
esac
[ "$(cat errors)" = main ] || fail "main() ran in a worker: $(cat errors)"
expect 7 "the program that calls InitWorker()" ./no_entry init

# Of the libraries that are used inside, and of standard templates, nothing.
others=$(nm --dynamic --defined-only "$prefix/lib/libasyncpal.so" |
  awk '{print $3}' | grep -v '8asyncpal' |
  grep -vx '__cxa_throw\|__cxa_allocate_exception' || :)
[ -z "$others" ] || fail "the shared library exports $others"
readelf -d "$prefix/lib/libasyncpal.so" |
  grep -q "SONAME.*\[libasyncpal.so.${version%.*}\]" || fail "wrong SONAME"

# What the headers include is there.
cd "$prefix/include"
for header in asyncpal/future/*.h asyncpal/pool/*.h; do
  echo "#include \"$header\"" >>"$root/all.cc"
done
g++ -std=c++20 -fsyntax-only "$root/all.cc" $(pkg-config --cflags asyncpal)

# The same place, and nothing of it left.
cd "$root"
"$install" "$sdk" --prefix="$prefix" --uninstall >/dev/null
left=$(find "$prefix" -type f -o -type l)
[ -z "$left" ] || fail "this is left after --uninstall: $left"

# Below another folder it is complete for its later place.
"$install" "$sdk" --prefix=/usr/local --destdir="$root/stage" >/dev/null
grep -qx -- "-I/usr/local/include" "$root/stage/usr/local/lib/asyncpal.args" ||
  fail "asyncpal.args does not name the prefix"
