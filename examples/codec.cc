// A type of one's own as argument and result of tasks in other processes: it
// needs a codec, which says how it becomes bytes and comes back.

#include "asyncpal/ipc/codec.h"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"

struct Polygon {
  std::string name;
  std::vector<double> xs;
  std::vector<double> ys;
};

template <>
struct asyncpal::Codec<Polygon> {
  static void Encode(const Polygon& p, Encoder& out) {
    out.Write(p.name);
    out.Write(p.xs);
    out.Write(p.ys);
  }
  static Polygon Decode(Decoder& in) {
    // Braces: in this order.
    Polygon p{in.Read<std::string>(), in.Read<std::vector<double>>(),
              in.Read<std::vector<double>>()};
    // The bytes come from another process. A task whose argument makes no sense
    // fails with this, and the next one runs.
    if (p.xs.size() != p.ys.size()) {
      throw asyncpal::SerializationError("a polygon has points by halves");
    }
    return p;
  }
};

namespace {

double Area(const Polygon& p) {
  double twice = 0;
  for (size_t i = 0; i < p.xs.size(); ++i) {
    const size_t next = (i + 1) % p.xs.size();
    twice += p.xs[i] * p.ys[next] - p.xs[next] * p.ys[i];
  }
  return twice / 2;
}

// Codecs compose: here goes a pair, and comes a polygon.
Polygon Scale(const std::pair<Polygon, double>& what) {
  Polygon p = what.first;
  for (double& x : p.xs) x *= what.second;
  for (double& y : p.ys) y *= what.second;
  return p;
}

}  // namespace

int main() {
  const std::vector<Polygon> polygons = {
      {"square", {0, 1, 1, 0}, {0, 0, 1, 1}},
      {"triangle", {0, 4, 0}, {0, 0, 3}},
  };
  asyncpal::ProcessPool pool(2);

  auto polygon = polygons.begin();
  for (const double area : pool.Map(Area, polygons)) {
    std::cout << polygon++->name << ": " << area << "\n";
  }

  const Polygon large = pool.Run(Scale, std::pair(polygons[0], 10.0));
  std::cout << "ten times the " << large.name << ": " << Area(large) << "\n";

  try {
    pool.Run(Area, Polygon{"half", {0, 1, 1}, {0}});
  } catch (const asyncpal::SerializationError& error) {
    std::cout << error.what() << "\n";
  }
}
