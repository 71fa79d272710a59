#include "asyncpal/examples/file_tree.h"

#include <utility>

namespace wordcount {

namespace fs = std::filesystem;

FileTree::FileTree(std::string root, OnError on_error)
    : on_error_(std::move(on_error)), folders_{std::move(root)} {}

void FileTree::Advance() {
  while (!FindFileInFolder()) {
    if (folders_.empty()) {
      at_end_ = true;
      return;
    }
    folder_ = std::move(folders_.back());
    folders_.pop_back();
    std::error_code error;
    entry_ = fs::directory_iterator(folder_, error);
    if (error) on_error_(folder_, error);
  }
}

// Goes on in the open folder, up to the next regular file.
bool FileTree::FindFileInFolder() {
  std::error_code error;
  bool found = false;
  while (!found && entry_ != fs::directory_iterator()) {
    const fs::directory_entry& entry = *entry_;
    if (entry.is_symlink(error)) {
      // Not followed, but told of if it leads nowhere.
      if (entry.status(error).type() != fs::file_type::not_found) error.clear();
    } else if (entry.is_directory(error)) {
      folders_.push_back(entry.path().string());
    } else if (entry.is_regular_file(error)) {
      path_ = entry.path().string();
      found = true;
    }
    if (error) on_error_(entry.path().string(), error);
    entry_.increment(error);
    if (error) on_error_(folder_, error);
  }
  return found;
}

}  // namespace wordcount
