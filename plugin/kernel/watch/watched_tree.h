// Which names in which directories matter to which sources: the directories on the way to each, as
// a tree. Pure; what is in the directories is for pin_watcher.h to find out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugin/kernel/bpf/name_patterns.h"

namespace pinscope::kernel {

// A pin that is watched, or all that a glob names. The number is the caller's.
struct WatchedSource {
  uint64_t id = 0;
  std::string path;  // absolute and plain: of the pin, or of the directory where the glob begins
  std::vector<NamePattern> below = {};  // of a glob
};

// A directory that matters to a source. It need not exist.
struct WatchedPlace {
  uint64_t key = 0;  // never used for another
  std::string path;  // "/" for the first
  WatchedPlace* parent = nullptr;
  std::map<std::string, WatchedPlace*, std::less<>> children;
  std::map<std::string, std::vector<uint64_t>, std::less<>> pins;  // sources by their name here
  struct Glob {
    Positions at;           // in front of the names of this directory
    bool is_found = false;  // the directory was found, and is not where the glob begins
  };
  std::map<uint64_t, Glob> globs;

  [[nodiscard]] std::string path_of(std::string_view name) const;
  // Whether names of subdirectories matter, beyond those that `children` has.
  [[nodiscard]] bool looks_for_directories() const;
  // Whether it matters only because a glob came upon it.
  [[nodiscard]] bool is_only_found() const;
};

class WatchedTree {
 public:
  struct Limits {
    size_t found_of_glob = 256;  // directories that one glob may come upon
    size_t found = 16384;        // all of them
    size_t longest_path = 4000;
  };
  explicit WatchedTree(const Limits& limits);
  WatchedTree(const WatchedTree&) = delete;
  WatchedTree& operator=(const WatchedTree&) = delete;

  using Keys = std::vector<uint64_t>;
  // Adds the source, instead of one that has its number. Gives the places that are new, each behind
  // its parent; the last one is where the source is looked for, new or not.
  Keys add(WatchedSource source);
  // Gives the places that matter to nobody any more.
  Keys remove(uint64_t id);

  // There is a directory of this name: the place that it is, if it matters; null otherwise, and if
  // there are too many, which is_cut() then says of the globs.
  WatchedPlace* find(WatchedPlace& place, std::string_view name);
  // The place's directory is gone: globs did not come upon it and what is below. Gives the places
  // that matter to nobody any more, and may be this one.
  Keys lose(WatchedPlace& place);

  // The sources that a name in the directory may be; all that are looked for there.
  [[nodiscard]] static std::vector<uint64_t> concerned(const WatchedPlace& place,
                                                       std::string_view name);
  [[nodiscard]] static std::vector<uint64_t> all_in(const WatchedPlace& place);

  [[nodiscard]] WatchedPlace* by_key(uint64_t key);
  [[nodiscard]] bool knows(uint64_t id) const { return sources_.contains(id); }
  [[nodiscard]] size_t sources() const { return sources_.size(); }
  [[nodiscard]] size_t places() const { return places_.size(); }
  [[nodiscard]] std::vector<uint64_t> ids() const;
  [[nodiscard]] Keys keys() const;  // parents first
  // Globs that would look into more directories than they may.
  [[nodiscard]] const std::set<uint64_t>& cut() const { return cut_; }
  void cut_globs_of(const WatchedPlace& place);
  void forget_cuts() { cut_.clear(); }

 private:
  struct Source {
    WatchedSource asked;
    size_t found = 0;
  };
  WatchedPlace& child_of(WatchedPlace& place, std::string_view name, Keys& made);
  bool has_room_for(uint64_t id) const;
  void erase_glob(WatchedPlace& place, uint64_t id);
  // Takes the place away if nothing matters in it any more, and then those above it.
  void prune(WatchedPlace* place, Keys& gone);
  void prune_all(const Keys& keys, Keys& gone);
  static void below(WatchedPlace& place, std::vector<WatchedPlace*>& all);

  Limits limits_;
  uint64_t last_key_ = 0;
  size_t found_ = 0;
  std::unordered_map<uint64_t, Source> sources_;
  std::map<uint64_t, WatchedPlace> places_;
  WatchedPlace* root_ = nullptr;
  std::set<uint64_t> cut_;
};

}  // namespace pinscope::kernel
