#!/bin/bash
# Installs into an empty folder, and builds a program with CMake as users do.
# cmake_test.sh <install> <sdk> <VERSION> <squares.cc>
set -eu
install=$PWD/$1 sdk=$PWD/$2 version=$(cat "$3") squares=$(readlink -f "$4")

root=$(mktemp -d "$TEST_TMPDIR/cmake.XXXXXX")
unset BUILD_WORKING_DIRECTORY
"$install" "$sdk" --prefix="$root/prefix" >/dev/null
# It may be moved.
mv "$root/prefix" "$root/moved"

mkdir "$root/app"
cd "$root/app"
cp "$squares" .
cat >CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.25)
project(squares CXX)
find_package(Asyncpal ${version%.*} REQUIRED)
add_executable(squares squares.cc)
target_link_libraries(squares asyncpal::process_pool)
END

for static in OFF ON; do
  {
    cmake -B "$static" -DCMAKE_PREFIX_PATH="$root/moved" \
      -DASYNCPAL_USE_STATIC_LIBS=$static &&
      cmake --build "$static"
  } >log 2>&1 || {
    cat log >&2
    exit 1
  }
  said=$(env -i "$static/squares")
  [ "$said" = 491 ] || {
    echo "FAILED: the program said '$said'" >&2
    exit 1
  }
done

# The next minor version may be another library.
sed -i "s/Asyncpal ${version%.*}/Asyncpal 0.999/" CMakeLists.txt
if cmake -B other -DCMAKE_PREFIX_PATH="$root/moved" >log 2>&1; then
  echo "FAILED: $version is taken for 0.999" >&2
  exit 1
fi
grep -q "compatible with requested version" log || {
  cat log >&2
  exit 1
}
