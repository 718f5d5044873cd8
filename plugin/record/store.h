// Per-container records under the state directory (default /run/pinscope), one JSON file each:
// containers/<id>.json, and containers/<id>.more/<process>.json for other containers of that id:
// an id is unique in one root of one runtime only. docs/adr/0004-record-format.md says what is in
// one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/record.h"
#include "plugin/record/trace.h"

namespace pinscope::record {

// What looks at several records, and at files that are none, is in store_list.cc.
class Store {
 public:
  // Opens `state_directory`, making it (0700) where `create` asks for it. Without `create` a
  // directory that is not there is an empty store. The directory and the one below it must be
  // root's and writable by nobody else. Keeps a descriptor, so it goes on working after a change of
  // mount namespace. Errors are kRecord.
  static Result<Store> open(const std::string& state_directory, bool create);

  // One record's file as it was written or read. Only this very file is replaced or removed, never
  // one that a later start with the same id has put in its place.
  class Held {
   public:
    Held() = default;

   private:
    friend class Store;
    Held(std::string name, Fd file) : name_(std::move(name)), file_(std::move(file)) {}
    std::string name_;
    Fd file_;
  };
  struct Found {
    model::Record record;
    Held held;
  };

  // Writes an intent; kRecordConflict if one for this id and bundle is there already, kRecord if
  // one of this id cannot be read.
  [[nodiscard]] Result<Held> begin(const model::Record& record) const;
  // Like begin, for a container that is known to be another one than those with records of its id
  // and bundle. kRecordConflict if its process has one already.
  [[nodiscard]] Result<Held> begin_beside(const model::Record& record) const;
  // Replaces `held`, atomically, if it still is in its place; it becomes the new one.
  // kRecordConflict if it is not.
  [[nodiscard]] Status update(const model::Record& record, Held& held) const;
  // The records of an id.
  struct OfId {
    std::vector<Found> found;
    std::vector<Error> unreadable;
    std::vector<std::string> unreadable_files;  // their file names, in the same order
  };
  [[nodiscard]] Result<OfId> find(const std::string& id) const;
  // The names of the files that find() reads; one of them may be of no file.
  [[nodiscard]] Result<std::vector<std::string>> files_of_id(const std::string& id) const;
  // Removes a record; one that is gone already is no error.
  [[nodiscard]] Status remove(const Held& held) const;
  // All records, by id. A record that cannot be read is an error in `unreadable` and does not stop
  // the rest.
  struct All {
    std::vector<model::Record> records;
    std::vector<Error> unreadable;
    std::vector<std::string> unreadable_files;
  };
  [[nodiscard]] Result<All> all() const;
  // The names of all files that may be records, sorted.
  [[nodiscard]] Result<std::vector<std::string>> files() const;

  // What a look at the beginning of a record's file tells of its process.
  struct Glance {
    std::optional<Trace> trace;
    bool noted_gone = false;
    uint64_t changed_ns = 0;  // CLOCK_REALTIME: when it was noted, or written
  };
  [[nodiscard]] Result<Glance> glance(const std::string& file_name) const;
  // Notes on the file that its process was gone when somebody looked.
  void note_gone(const std::string& file_name) const;
  // Whether this has not been called, by any process, for `interval`; counts as a call itself.
  [[nodiscard]] bool is_due(std::chrono::nanoseconds interval) const;
  [[nodiscard]] Result<Found> read(const std::string& file_name) const;

  // Names of temporary files that nobody is writing any more: their writers were killed half-way.
  [[nodiscard]] Result<std::vector<std::string>> leftovers() const;
  // Removes one of the files that `leftovers` or `unreadable_files` named, if that still is what it
  // is; none is no error.
  [[nodiscard]] Status discard(const std::string& file_name) const;

 private:
  Store() = default;
  Store(Fd directory, std::string path)
      : directory_(std::move(directory)), path_(std::move(path)) {}
  [[nodiscard]] Result<Held> create(const std::string& name, const model::Record& record) const;
  [[nodiscard]] Result<Held> create_beside(const model::Record& record) const;
  [[nodiscard]] Result<std::vector<std::string>> files_of(const std::string& directory) const;
  void take_up(const std::string& file_name, OfId& result) const;
  [[nodiscard]] Result<Fd> lock() const;
  [[nodiscard]] Status unlink(const std::string& file_name) const;
  [[nodiscard]] Error in_store(Error error) const;

  Fd directory_;      // not valid: an empty store
  std::string path_;  // for errors
};

// Whether the record is of the container that has this id and bundle. A bundle is a directory,
// whatever its path: runtimes do not give the same one at each stage.
bool is_of(const model::Record& record, const std::string& id, const std::string& bundle);
// Whether both are of one process in one mount namespace.
bool is_same_start(const model::Record& left, const model::Record& right);

}  // namespace pinscope::record
