// A ConfigMap volume as the kubelet keeps it: each version in a directory of its own, shown by a
// link that is renamed into place (kubernetes pkg/volume/util/atomic_writer.go).
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {

class ConfigMap {
 public:
  using Files = std::map<std::string, std::string>;

  explicit ConfigMap(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  // The steps of an update, for tests that stop half-way.
  void write_version(const Files& files) {
    version_ = "..2026_11_25_04_00_00." + std::to_string(++count_);
    std::filesystem::create_directory(at(version_));
    for (const auto& [name, text] : files) write_file(at(version_ + "/" + name), text);
    std::filesystem::create_directory_symlink(version_, at("..data_tmp"));
  }
  void show_version(const Files& files) {
    std::filesystem::rename(at("..data_tmp"), at("..data"));
    for (const auto& [name, text] : files)
      if (!std::filesystem::is_symlink(at(name)))
        std::filesystem::create_symlink("..data/" + name, at(name));
    for (const auto& [name, text] : shown_)
      if (!files.contains(name)) std::filesystem::remove(at(name));
    if (!shown_version_.empty()) std::filesystem::remove_all(at(shown_version_));
    shown_ = files;
    shown_version_ = version_;
  }

  void update(const Files& files) {
    write_version(files);
    show_version(files);
  }

 private:
  [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  int count_ = 0;
  std::string version_;
  std::string shown_version_;
  Files shown_;
};

}  // namespace pinscope::test
