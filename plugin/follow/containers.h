// Which containers have views that follow sources, as their records say it: kept up to date while
// records are written and removed. No state of its own: what a new object reads is the same.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/watch/inotify.h"
#include "plugin/kernel/watch/watched_tree.h"
#include "plugin/model/policy.h"
#include "plugin/model/record.h"
#include "plugin/record/store.h"

namespace pinscope::follow {

// Numbers sources, and counts who follows them. Pure.
class Sources {
 public:
  struct Change {
    std::vector<kernel::WatchedSource> added;  // nobody followed them before
    std::vector<uint64_t> removed;             // nobody follows them any more
  };
  // `follower` follows these, and none of those that it followed before.
  // Says whether it followed others.
  bool set(const std::string& follower, const std::set<model::Pattern>& sources, Change& change);
  [[nodiscard]] std::vector<std::string> followers_of(uint64_t source) const;
  [[nodiscard]] size_t size() const { return numbers_.size(); }

 private:
  void leave(const std::string& follower, uint64_t source, Change& change);

  uint64_t last_ = 0;
  std::map<model::Pattern, uint64_t> numbers_;
  std::unordered_map<uint64_t, model::Pattern> patterns_;
  std::unordered_map<uint64_t, std::set<std::string>> followers_;
  std::unordered_map<std::string, std::set<uint64_t>> by_follower_;
};

class Containers {
 public:
  // Watches the records in the state directory, which is made if it is not there. kRecord, kSystem.
  static Result<Containers> open(const std::string& state_directory);

  struct Change {
    Sources::Change sources;
    // Files of records whose view may have been made before its sources were watched.
    std::vector<std::string> begun;
    std::vector<std::string> ended;    // files of records that are gone
    std::vector<std::string> shown;    // files of records whose container has its view only now
    std::vector<std::string> written;  // and of others that somebody has written
  };
  // To wait for POLLIN.
  [[nodiscard]] int fd() const { return inotify_.fd(); }
  // What changed since the last look. Reads the records that changed, and no others.
  Change take();
  // Looks at every record: first of all, and from time to time.
  Change look_at_all();

  // Files of records, for the names that Store::read() takes.
  [[nodiscard]] std::vector<std::string> following(uint64_t source) const {
    return sources_.followers_of(source);
  }
  [[nodiscard]] std::vector<std::string> all() const;
  // The id of the container that the record is of; empty if there is none.
  [[nodiscard]] std::string id_of(const std::string& file) const;
  // The process of a container that runs, for whoever watches its mounts: nothing for a session,
  // and where there is none any more.
  [[nodiscard]] std::optional<kernel::ContainerProcess> process_of(const std::string& file) const;
  // Whether what is mounted in it is what its record says: no bpffs that it is not to have, and its
  // view, and its values. `proc`: a descriptor of /proc.
  [[nodiscard]] bool has_its_mounts(int proc, const std::string& file) const;
  [[nodiscard]] size_t size() const { return known_.size(); }
  [[nodiscard]] size_t sources() const { return sources_.size(); }
  // When the first of their exceptions ends of which it was not told yet (CLOCK_REALTIME,
  // nanoseconds); 0: none does.
  [[nodiscard]] uint64_t first_end() const;
  // Files of records with an exception that has run out by then and was not undone: each once,
  // until the record is written or all are looked at.
  std::vector<std::string> run_out(uint64_t now_ns);
  [[nodiscard]] bool has_run_out(const std::string& file, uint64_t now_ns) const;
  // Records that cannot be read.
  [[nodiscard]] size_t unreadable() const { return unreadable_.size(); }

 private:
  struct Known {
    std::string id;
    bool has_view = false;  // the hook is not at work any more
    uint64_t end = 0;       // of the first of its exceptions; 0: none ends
    bool is_told = false;   // that it is over
  };
  Containers(std::string state_directory, kernel::Inotify inotify, record::Store store)
      : state_directory_(std::move(state_directory)),
        inotify_(std::move(inotify)),
        store_(std::move(store)) {}
  Status watch(const std::string& below);
  void look_at(const std::string& file, Change& change);
  void forget(const std::string& file, Change& change);

  std::string state_directory_;
  kernel::Inotify inotify_;
  record::Store store_;
  std::unordered_map<int, std::string> prefixes_;  // of the names in a watched directory
  std::unordered_map<std::string, Known> known_;   // by the record's file
  std::set<std::string> unreadable_;
  Sources sources_;
};

}  // namespace pinscope::follow
