@0xb7c1f0a9e2d3468d;
# Structs for the tests of capnp_codec.h.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("asyncpal::testing");

struct Point {
  x @0 :Float64;
  y @1 :Float64 = 7;
  label @2 :Text;
}

struct Shape {
  outline @0 :List(Point);
  parts @1 :List(Shape);
  pixels @2 :Data;
  marks @3 :List(Void);
  anchor :union {
    none @4 :Void;
    point @5 :Point;
  }
}
