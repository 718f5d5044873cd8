// Policy files: YAML to model::Policy, with line and column, all errors of a file at once. The only
// file that knows yaml-cpp is tree.cc. Input is hostile: size, depth, aliases and count are bounded
// before anything is built.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/model/policy.h"
#include "plugin/policy/files.h"
#include "plugin/policy/language/diagnostic.h"
#include "plugin/policy/testing/policy_test.h"

namespace pinscope::policy {

struct Loaded {
  std::vector<model::Policy> policies;  // empty if there is an error
  std::vector<Diagnostic> diagnostics;  // by file and place
  // Documents of kind PolicyTest, which stand beside policies and are none: what is wrong with them
  // is no error of the set, and there are no tests then.
  std::vector<PolicyTest> tests = {};
  std::vector<Diagnostic> test_diagnostics = {};
  std::vector<FileStamp> files;
  [[nodiscard]] bool ok() const;  // no errors; warnings may be there
};

// Whether tests are read, or only known to be tests: then `tests` and `test_diagnostics` stay
// empty. Whoever brings policies into force skips them, because a container waits for that.
enum class Tests { kSkipped, kRead };

// Loads one file's text (one or several YAML documents). Never throws.
Loaded load_text(std::string text, const std::string& file, Tests tests = Tests::kRead);

// Loads what can be read from a descriptor, such as standard input, as if it were the file `file`;
// reads tests.
Loaded load_open_file(int fd, const std::string& file);

// Whether files must be trusted. kIgnored is for checking a working copy; what is loaded that way
// never comes into force.
enum class Trust { kRequired, kIgnored };

// `path`: a directory (its *.yaml and *.yml but not its dotfiles, in the order of their names) or
// one file. Refuses what root does not own or others may write. A directory that does not exist is
// an empty set. Checks across files too: two policies with one name. Places and stamps carry base
// names; a file that cannot be read is a diagnostic at its 1:1 that starts with the error's code.
// Stamps say what was read, and hold its text where they need it. With `shown`, places have `path`
// by that name, and files below it, instead of base names.
Loaded load_path(const std::string& path, Trust trust = Trust::kRequired,
                 const std::optional<std::string>& shown = std::nullopt,
                 Tests tests = Tests::kSkipped);

// What load_path() would say of `directory` if these texts stood in it in place of the file called
// `replaced`, which need not be there: to look before writing. Texts come after files.
struct Text {
  std::string file;
  std::string text;
};
Loaded load_with(const std::string& directory, const std::string& replaced,
                 const std::vector<Text>& texts);

}  // namespace pinscope::policy
