#ifndef ASYNCPAL_POOL_INTERNAL_PROGRESS_LINE_H_
#define ASYNCPAL_POOL_INTERNAL_PROGRESS_LINE_H_

#include <string>
#include <string_view>

#include "asyncpal/pool/progress.h"

namespace asyncpal::internal {

// How a map's state becomes a line.
struct ProgressStyle {
  std::string_view label;
  std::string_view unit;  // plural
  int width;              // in columns
  bool unicode;
};

// One line, without its end, of style.width columns at most.
std::string FormatProgress(const MapState& map, const ProgressStyle& style);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PROGRESS_LINE_H_
