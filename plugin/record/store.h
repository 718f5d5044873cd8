// Per-container records under the state directory (default /run/pinscope), one JSON file each:
// containers/<id>.json. docs/adr/0004-record-format.md says what is in one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/model/record.h"

namespace pinscope::record {

class Store {
 public:
  // Opens `state_directory`, making it (0700) where `create` asks for it. Without `create` a
  // directory that is not there is an empty store. The directory and the one below it must be
  // root's and writable by nobody else. Keeps a descriptor, so it goes on working after a change of
  // mount namespace. Errors are kRecord.
  static Result<Store> open(const std::string& state_directory, bool create);

  // One record's file, as somebody wrote it or read it: what may be replaced or removed is this
  // very file and never the one that a later start with the same id has put in its place.
  class Held {
   public:
    Held() = default;

   private:
    friend class Store;
    explicit Held(Fd file) : file_(std::move(file)) {}
    Fd file_;
  };
  struct Found {
    model::Record record;
    Held held;
  };

  // Writes an intent; kRecordConflict if a record for this id is there already.
  [[nodiscard]] Result<Held> begin(const model::Record& record) const;
  // Replaces the record of this id, atomically, if it still is `held`, which becomes the new one.
  // kRecordConflict if it is not.
  [[nodiscard]] Status update(const model::Record& record, Held& held) const;
  [[nodiscard]] Result<std::optional<Found>> find(const std::string& id) const;
  // No error if it is not there any more.
  [[nodiscard]] Status remove(const std::string& id, const Held& held) const;
  // Removes the record of this id if it cannot be read.
  [[nodiscard]] Status remove_unreadable(const std::string& id) const;
  // The ids of the records whose id starts so.
  [[nodiscard]] Result<std::vector<std::string>> ids(std::string_view prefix) const;
  // All of them, by id. A record that cannot be read is an error in `unreadable`, not the end.
  struct All {
    std::vector<model::Record> records;
    std::vector<Error> unreadable;
    std::vector<std::string> unreadable_files;  // their file names, in the same order
  };
  [[nodiscard]] Result<All> all() const;

  // Names of temporary files whose writer is not running any more: killed half-way.
  [[nodiscard]] Result<std::vector<std::string>> leftovers() const;
  // Removes one of the files that `leftovers` or `unreadable_files` named, if that still is what it
  // is; none is no error.
  [[nodiscard]] Status discard(const std::string& file_name) const;

 private:
  Store() = default;
  Store(Fd directory, std::string path)
      : directory_(std::move(directory)), path_(std::move(path)) {}
  [[nodiscard]] Result<Found> read(const std::string& file_name) const;
  [[nodiscard]] Result<Fd> lock() const;
  [[nodiscard]] Status unlink(const std::string& file_name) const;
  [[nodiscard]] Error in_store(Error error) const;

  Fd directory_;      // not valid: an empty store
  std::string path_;  // for errors
};

// One line of JSON with a newline, and back. `name` is for errors. Fields that this version does
// not know are ignored; a field that is missing, has the wrong type or a word that is none is an
// error.
std::string to_json(const model::Record& record);
Result<model::Record> from_json(std::string json, const std::string& name);

}  // namespace pinscope::record
