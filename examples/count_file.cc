#include "asyncpal/examples/count_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace wordcount {
namespace {

enum class Kind : uint8_t {
  kOther,  // neither starts a word nor ends one
  kSpace,
  kPrintable,
};

constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> kinds = {};
  for (int c = '!'; c <= '~'; ++c) kinds[c] = Kind::kPrintable;
  for (char c : {' ', '\t', '\n', '\v', '\f', '\r'}) {
    kinds[static_cast<unsigned char>(c)] = Kind::kSpace;
  }
  return kinds;
}();

// Adds what `size` bytes of a file hold. `in_word` goes from call to call.
void CountBlock(const unsigned char* block, size_t size, Counts& counts,
                bool& in_word) {
  int64_t lines = 0;
  int64_t words = 0;
  bool inside = in_word;
  for (size_t i = 0; i < size; ++i) {
    const Kind kind = kKinds[block[i]];
    const bool was_inside = inside;
    inside = kind == Kind::kPrintable || (inside && kind == Kind::kOther);
    words += inside && !was_inside;
    lines += block[i] == '\n';
  }
  in_word = inside;
  counts += {lines, words, static_cast<int64_t>(size)};
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  lines += other.lines;
  words += other.words;
  bytes += other.bytes;
  return *this;
}

FileCount CountFile(std::string path) {
  FileCount file = {.path = std::move(path)};
  // Should a pipe have taken the file's place, O_NONBLOCK opens it at once.
  const int fd =
      open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    file.error = {errno, std::generic_category()};
    return file;
  }
  std::array<unsigned char, 64 * 1024> buffer;
  bool in_word = false;
  ssize_t size;
  while ((size = read(fd, buffer.data(), buffer.size())) > 0) {
    CountBlock(buffer.data(), static_cast<size_t>(size), file.counts, in_word);
  }
  if (size < 0) file.error = {errno, std::generic_category()};
  close(fd);
  return file;
}

}  // namespace wordcount
