// Per-container records under the state directory (default /run/pinscope), one JSON file each:
// containers/<id>.json. docs/adr/0004-record-format.md says what is in one.
#pragma once

#include <optional>
#include <string>
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

  // Writes an intent; kRecordConflict if a record for this id is there already.
  [[nodiscard]] Status begin(const model::Record& record) const;
  // Replaces the record of this id, atomically.
  [[nodiscard]] Status update(const model::Record& record) const;
  [[nodiscard]] Result<std::optional<model::Record>> find(const std::string& id) const;
  // No error if there is none.
  [[nodiscard]] Status remove(const std::string& id) const;
  // All of them, by id. A record that cannot be read is an error in `unreadable`, not the end.
  struct All {
    std::vector<model::Record> records;
    std::vector<Error> unreadable;
    std::vector<std::string> unreadable_files;  // their file names, in the same order
  };
  [[nodiscard]] Result<All> all() const;

  // Names of temporary files whose writer is not running any more: killed half-way.
  [[nodiscard]] Result<std::vector<std::string>> leftovers() const;
  // Removes one of the files that `leftovers` or `unreadable_files` named; none is no error.
  [[nodiscard]] Status discard(const std::string& file_name) const;

 private:
  Store() = default;
  Store(Fd directory, std::string path)
      : directory_(std::move(directory)), path_(std::move(path)) {}
  [[nodiscard]] Result<model::Record> read(const std::string& file_name) const;
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
