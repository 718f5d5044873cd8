// Policy files: YAML to model::Policy, with line and column, all errors of a file at once. The only
// room that knows yaml-cpp is yaml.cc. Input is hostile: size, depth, aliases and count are bounded
// before anything is built.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/policy.h"

namespace pinscope::policy {

struct Diagnostic {
  enum class Severity { kError, kWarning } severity = Severity::kError;
  model::Place place;
  std::string message;  // one line: unknown key "acces" in a grant
  std::string hint;     // one line or empty: did you mean "access"?
  std::string snippet;  // the line of the file and a caret below the column; empty if there is none
};

// "flow.yaml:14:5: error: unknown key "acces" in a grant; did you mean "access"?" and the snippet.
std::string to_string(const Diagnostic& diagnostic);

// What identifies one version of a policy file: its base name, what stat(2) says of it, and, where
// that says too little, what it holds. stamps.h decides which.
struct FileStamp {
  // What has to be the same for the file to be the same.
  enum class Proof : uint8_t {
    kStat,     // all of what stat(2) says
    kContent,  // `text`; of a directory the names of its policy files
    kNothing,  // it could not be read, and its times may lie
  };
  std::string name;
  uint64_t size = 0;
  uint64_t mtime_ns = 0;
  uint64_t ctime_ns = 0;
  uint64_t inode = 0;
  uint64_t device = 0;
  uint32_t mode = 0;  // with its type; 0: there is no such file
  uint32_t owner = 0;
  Proof proof = Proof::kStat;
  std::string text;  // with kContent
  bool operator==(const FileStamp&) const = default;
};

struct Loaded {
  std::vector<model::Policy> policies;  // empty if there is an error
  std::vector<Diagnostic> diagnostics;  // by file and place
  std::vector<FileStamp> files;
  [[nodiscard]] bool ok() const;  // no errors; warnings may be there
};

// One file's text (one or several YAML documents). Never throws.
Loaded load_text(std::string text, const std::string& file);

// kIgnored is for checking files in a working copy; nothing that is loaded so comes into force.
enum class Trust { kRequired, kIgnored };

// `path`: a directory (its *.yaml and *.yml but not its dotfiles, in the order of their names) or
// one file. Refuses what root does not own or others may write. A directory that does not exist is
// an empty set. Checks across files too: two policies with one name. Places and stamps carry base
// names; a file that cannot be read is a diagnostic at its 1:1 that starts with the error's code.
// Stamps say what was read, and hold its text where they need it.
Loaded load_path(const std::string& path, Trust trust = Trust::kRequired);

// What load_path() would say of `directory` if these texts stood in it in place of the file called
// `replaced`, which need not be there: to look before writing. Texts come after files.
struct Text {
  std::string file;
  std::string text;
};
Loaded load_with(const std::string& directory, const std::string& replaced,
                 const std::vector<Text>& texts);

}  // namespace pinscope::policy
