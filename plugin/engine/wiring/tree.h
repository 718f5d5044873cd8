// Tree: the files of one machine below a root directory, "/" or for example "/host" in a container
// that installs on its node. Every path is absolute and means what it means on that machine:
// symbolic links, absolute ones too, are followed below the root and never leave it. Nothing
// outside of the tree is read or written.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/host/trust.h"

namespace pinscope::engine {

struct File {
  std::string text;
  mode_t mode = 0644;  // permission bits
  gid_t gid = 0;
  friend bool operator==(const File&, const File&) = default;
};

class Tree {
 public:
  // `owner` is the one user who may own what is trusted: root, except in tests.
  static Result<Tree> open(const std::string& root, uid_t owner = 0);

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] bool is_host() const { return root_ == "/"; }

  // The content of a file of at most kFileLimit bytes; nothing if there is none. An error if it is
  // no regular file, or if somebody but its owner could change it or a directory on the way to it.
  [[nodiscard]] Result<std::optional<File>> read(std::string_view path) const;
  static constexpr size_t kFileLimit = size_t{4} << 20;

  // Whether something is there, whatever it is.
  [[nodiscard]] bool exists(std::string_view path) const;
  // The same, where the difference counts: an error if it cannot be told, or if somebody but its
  // owner could change a directory on the way to it.
  [[nodiscard]] Result<bool> holds(std::string_view path) const;
  // What stat(2) says of what a path leads to; nothing if it is not there or cannot be reached.
  [[nodiscard]] std::optional<struct stat> status(std::string_view path) const;
  // The names of the regular files in a directory, sorted by byte; none if it is not there.
  [[nodiscard]] Result<std::vector<std::string>> list(std::string_view directory) const;
  // The names of everything in a directory.
  [[nodiscard]] Result<std::vector<std::string>> entries(std::string_view directory) const;
  // That `path` is a program that the machine's root may run and nobody else may change.
  // `option` is the one that says where it is, for the text of the error.
  [[nodiscard]] Status check_program(std::string_view path, const char* option = nullptr) const;

  // The changes that there are; what they are for is said in change.h. A file is never written
  // through a symbolic link of its own name.
  Status write(std::string_view path, const File& file) const;
  Status remove_file(std::string_view path) const;
  Status make_directory(std::string_view path) const;  // mode 0755
  // Nothing happens to a directory that is not empty.
  Status remove_directory(std::string_view path) const;

 private:
  Tree(std::string root, Fd directory, uid_t owner)
      : root_(std::move(root)), directory_(std::move(directory)), owner_(owner) {}

  // Whom the files are trusted to.
  [[nodiscard]] TrustRule rule() const;
  // An O_PATH descriptor; nothing if there is no such file.
  [[nodiscard]] Result<std::optional<Fd>> find(std::string_view path) const;
  // The directory that holds `path`.
  [[nodiscard]] Result<Fd> parent(std::string_view path) const;

  std::string root_;
  Fd directory_;
  uid_t owner_;
};

}  // namespace pinscope::engine
