// Per-container records under the state directory (default /run/pinscope), one JSON file each.
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
  // Opens `state_directory`, making it (0700) where `create` asks for it. Nothing in it is trusted
  // unless root owns it. Keeps a descriptor, so it goes on working after a change of mount
  // namespace.
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
  };
  [[nodiscard]] Result<All> all() const;

 private:
  explicit Store(Fd directory) : directory_(std::move(directory)) {}
  Fd directory_;
};

std::string to_json(const model::Record& record);
Result<model::Record> from_json(std::string json, const std::string& name);

}  // namespace pinscope::record
