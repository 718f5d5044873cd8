// The mounts that a container will have when its runtime calls the hook, told from its
// configuration and the mounts of this host: a tree as the kernel's, in which paths are resolved as
// the kernel resolves them, with links, `..` and what is mounted over what. Nothing is mounted.
// Internal to the pipeline.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/model/container.h"

namespace pinscope {

struct PredictedMount {
  static constexpr size_t kNone = SIZE_MAX;
  size_t parent = kNone;
  std::string at;       // on the parent: a path of the parent's file system
  std::string root;     // what of its file system it shows: a path of that
  std::string on_host;  // where the host sees `root`; "" for a file system of the container's own
  kernel::Mount::Leads leads = kernel::Mount::Leads::kNowhere;
  bool is_bpf = false;
  bool is_kernels = false;  // proc, sysfs: no directory can be made there
  bool is_made = false;     // by the container's runtime; a new file system
  bool is_shared = false;
  bool came_along = false;  // it is on another mount that was bound recursively
  bool is_file = false;     // and so is what it is mounted on
  bool is_gone = false;
};

class PredictedMounts {
 public:
  // A directory or file, on the topmost mount there.
  struct Place {
    size_t mount = 0;
    std::string path;                   // of the mount's file system
    bool exists = true;                 // false: nothing that is known of
    bool is_directory = true;           // as far as is known
    bool is_nowhere = false;            // on the way to it is something that does not exist
    std::string dangling = {};          // the first link on the way that leads nowhere
    bool goes_through_process = false;  // by a link of /proc that leads to what a process has
    bool operator==(const Place& other) const { return mount == other.mount && path == other.path; }
  };

  // `host`: the mounts of this machine; without links where `looks` is false.
  PredictedMounts(const model::Container& container, const std::vector<kernel::Mount>& host,
                  bool looks);

  [[nodiscard]] const std::vector<PredictedMount>& all() const { return mounts_; }
  [[nodiscard]] const Place& root() const { return root_; }
  // The mounts below the container's root that are not gone, in the order in which they are made.
  [[nodiscard]] std::vector<size_t> below_root() const;
  // The container's own mounts, with links and dots in source and destination resolved.
  [[nodiscard]] const std::vector<model::ConfiguredMount>& resolved() const { return resolved_; }

  // What `path` is for the container's processes.
  [[nodiscard]] Place resolve(std::string_view path) const { return walk(root_, path); }
  // The path of a place for the container's processes.
  [[nodiscard]] std::string path_of(Place place) const;
  [[nodiscard]] std::string path_of(size_t mount) const {
    return path_of({mount, mounts_[mount].root});
  }

  size_t attach(PredictedMount mount, const Place& target);
  // Removes a mount and what is mounted on it.
  void remove(size_t mount);

 private:
  void take_host(const std::vector<kernel::Mount>& host);
  void add(const model::Container& container, const model::ConfiguredMount& mount);
  size_t bind(const Place& source, const Place& target, bool recursive);
  [[nodiscard]] bool is_on(size_t mount, size_t ancestor) const;
  [[nodiscard]] Place walk(const Place& root, std::string_view path) const;
  [[nodiscard]] Place up(const Place& root, Place place) const;
  [[nodiscard]] Place top(Place place) const;
  [[nodiscard]] std::string on_host(const Place& place) const;
  [[nodiscard]] std::string link_at(const Place& place) const;
  void look(Place& place) const;
  [[nodiscard]] bool is_made(const Place& place) const;

  bool looks_;
  std::vector<PredictedMount> mounts_;
  Place host_root_;
  Place root_;
  std::vector<model::ConfiguredMount> resolved_;
};

}  // namespace pinscope
