#ifndef ASYNCPAL_EXAMPLES_FILE_TREE_H_
#define ASYNCPAL_EXAMPLES_FILE_TREE_H_

#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace wordcount {

// The paths of all regular files under a directory, as an input range. The tree
// is walked while the range is read, so that a lazy map over it holds only the
// few paths that it is working on.
//
//   FileTree files("/usr/share/doc", ReportError);
//   for (const std::string& path : files) ...
//
// Symbolic links are not followed. What can't be read, and links that lead
// nowhere, go to `on_error`, and the walk goes on.
class FileTree {
 public:
  using OnError =
      std::function<void(const std::string& path, std::error_code error)>;

  FileTree(std::string root, OnError on_error);

  class Iterator {
   public:
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;

    const std::string& operator*() const { return tree_->path_; }
    Iterator& operator++() {
      tree_->Advance();
      return *this;
    }
    void operator++(int) { tree_->Advance(); }
    bool operator==(std::default_sentinel_t) const { return tree_->at_end_; }

   private:
    friend class FileTree;
    explicit Iterator(FileTree* tree) : tree_(tree) {}
    FileTree* tree_;
  };

  // Goes to the first file. To be called once.
  Iterator begin() {
    Advance();
    return Iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void Advance();
  bool FindFileInFolder();

  OnError on_error_;
  std::vector<std::string> folders_;           // still to be read
  std::string folder_;                         // being read
  std::filesystem::directory_iterator entry_;  // in it
  std::string path_;                           // of the current file
  bool at_end_ = false;
};

}  // namespace wordcount

#endif  // ASYNCPAL_EXAMPLES_FILE_TREE_H_
