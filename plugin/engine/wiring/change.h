// What wiring an engine changes, as a value: it can be printed before it is done, compared in
// tests, and is done as a whole or not at all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/engine/wiring/tree.h"

namespace pinscope::engine {

struct CreateDirectory {
  std::string path;
};
// `before` is what was there when the change was planned: nothing for a new file. `copy_of` is the
// path of the file that this is a copy of, which is all that a person needs to see of it.
struct WriteFile {
  std::string path;
  File file;
  std::optional<File> before;
  std::string copy_of = {};
};
struct RemoveFile {
  std::string path;
  File before;
};
// Left alone if others have put something into it in the meantime.
struct RemoveDirectory {
  std::string path;
};
using Change = std::variant<CreateDirectory, WriteFile, RemoveFile, RemoveDirectory>;
using Changes = std::vector<Change>;

// For people: each change, files with their content or with what is different in it.
std::string describe(const Changes& changes);
// One line: `create /etc/x.json`.
std::string headline(const Change& change);

// Does all of it in order. An error, or one from `check` at the end, undoes what was done already.
// A file that is not any more as it was when the change was planned is an error.
Status make_changes(const Tree& tree, const Changes& changes, const std::function<Status()>& check);

}  // namespace pinscope::engine
