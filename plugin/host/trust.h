// Files that nobody but one user can change: the file, every directory on the way to it and every
// link that is followed belong to that user, and neither group nor others may write to them (a
// sticky directory such as /tmp is not enough: its owner check does not bind names).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope {

// `code`: of an error that says whom the object cannot be trusted to; always the caller's.
struct TrustRule {
  explicit TrustRule(ErrorCode error_code) : code(error_code) {}

  ErrorCode code;
  uid_t owner = 0;
  const char* hint = "it must be owned by root and writable by root alone";
};

// The check alone, of an object that is open; `path` is for the text of the error.
Status check_trusted(const struct stat& status, std::string_view path, const TrustRule& rule);

struct Walked {
  std::string path;          // without links, as far as it leads
  std::optional<Fd> object;  // an O_PATH descriptor; nothing if there is no such file
  Fd directory;              // that holds the object; none holds the root itself
};
// Goes the way of an absolute path one component at a time, so that each directory and each link is
// checked on the very object that is used. What it leads to is not checked. Symbolic links,
// absolute ones and ".." too, never lead out of the directory `root`.
Result<Walked> walk_trusted(int root, std::string_view path, const TrustRule& rule);

// A regular file of root's, by its absolute path.
Result<Fd> open_trusted_file(const std::string& path, ErrorCode code);
// The same for a directory, opened for reading.
Result<Fd> open_trusted_directory(const std::string& path, ErrorCode code);

}  // namespace pinscope
