#ifndef ASYNCPAL_POOL_PROGRESS_BAR_H_
#define ASYNCPAL_POOL_PROGRESS_BAR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/progress.h"

namespace asyncpal {

// How a ProgressBar looks. Text is UTF-8; what a terminal can't show in a line
// becomes question marks.
struct ProgressBarOptions {
  // Stands before the bar.
  std::string label = {};

  // What the calls deal with, in the plural: "files".
  std::string unit = {};

  // Whether the bar stays, on a line of its own, when its map has ended.
  bool keep = true;
};

// Shows on stderr how far a map is:
//
//   pool.MapAll({.progress = std::make_shared<asyncpal::ProgressBar>(
//                    asyncpal::ProgressBarOptions{.label = "thumbnails",
//                                                 .unit = "files"})},
//               Shrink, paths);
//
//   thumbnails:  42%|██████▎        | 421/1000 [00:05<00:07, 83.1 files/s]
//
// That is: the share, calls that have ended of all, time since the start and
// probably left, and calls per second. What is too much for the terminal's
// width is left out. A locale without UTF-8 (LC_ALL, LC_CTYPE, LANG) gets
// ASCII.
//
// It writes nothing where nobody would see it move: if stderr is no terminal,
// or a dumb one (TERM), if the process is in the terminal's background, and in
// continuous integration (CI is set in the environment, to other than "false"
// or "0").
//
// Threads: any, one after the other. Writing to the terminal may block.
// Lifetime: none; the map shares it.
// Ordering: one map at a time. It draws the beginning, then ten times a second
// at most, and the end if it is kept. With no thread of its own, it stands
// still between two changes.
// Errors: none; a terminal that can't be written to shows nothing.
// Shutdown: none.
class ProgressBar : public MapProgress {
 public:
  explicit ProgressBar(ProgressBarOptions options = {});
  // Clear().
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Draws the bar, unless it has done so just now.
  void OnChange(const MapState& map) override;
  // Draws it for the last time, or clears it.
  void OnEnd(const MapState& map) override;

  // Takes the bar off the terminal until it is drawn again: before other output
  // to it.
  void Clear();

 private:
  void Draw(const MapState& map, const char* end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const ProgressBarOptions options_;
  const bool is_seen_;
  const bool unicode_;
  internal::Mutex mu_;
  bool on_screen_ ABSL_GUARDED_BY(mu_) = false;
  // On the steady clock, in nanoseconds; none before the first.
  std::optional<int64_t> drawn_at_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_PROGRESS_BAR_H_
