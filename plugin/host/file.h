// Files on the host: bounded reads, atomic writes. Every descriptor is close-on-exec. Which of them
// can be trusted is in trust.h.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope {

// open(2) or openat(2) with O_CLOEXEC and O_NOCTTY; errors name `path`.
Result<Fd> open_at(int dirfd, const std::string& path, int flags, mode_t mode = 0);

// Where the symbolic link `name`, relative to `directory`, leads. Errors are those of readlink(2).
Result<std::string> read_link_at(int directory, const std::string& name);

// A directory, and its real path: without symbolic links, as the kernel gives it.
struct RealDirectory {
  Fd fd;
  std::string path;
};
// Opens it with O_DIRECTORY and `flags`. Errors are those of open(2) and of readlink(2) of
// /proc/self/fd.
Result<RealDirectory> open_real_directory(const std::string& path, int flags);

// Everything up to the end of `fd`. More than `limit` bytes is an error; `name` is for its text.
Result<std::string> read_all(int fd, size_t limit, std::string_view name);

// The text of a small file, without the newlines at its end.
Result<std::string> text_of_file(const std::string& path, size_t limit = 4096);

// The names in an open directory, sorted, without "." and "..". `path` is for the text of an error.
Result<std::vector<std::string>> names_in(int directory, std::string_view path);

// Makes `path` and what is missing above it, mode 0755 above and `mode` for the last, owned by the
// caller; opens it. An existing directory is left as it is.
Result<Fd> make_directory(const std::string& path, mode_t mode);

// Writes `content` to a new temporary file beside `name`, then renames it over `name`: a reader
// sees the old file or the new one. The temporary file is removed on failure; a crash may leave one
// (see is_temporary_name). Not synced to disk unless `durable` asks for it.
Status write_atomically(int dirfd, const std::string& name, std::string_view content, mode_t mode,
                        bool durable = false);
// Like write_atomically; gives the new file, open for writing.
Result<Fd> write_and_hold(int dirfd, const std::string& name, std::string_view content,
                          mode_t mode);
// Like write_atomically, with the owner, group and mode of another file, as the replaced one.
Status replace_atomically(int dirfd, const std::string& name, std::string_view content,
                          const struct stat& like);
// Like write_and_hold, for a file that must not exist yet: otherwise EEXIST, and it stays as it is.
Result<Fd> create_and_hold(int dirfd, const std::string& name, std::string_view content,
                           mode_t mode);

// Whether this is the name of a temporary file of the functions above, or of earlier releases.
bool is_temporary_name(std::string_view name);

// Whether stat(2) was asked of one and the same file, by whatever names.
bool is_same_file(const struct stat& left, const struct stat& right);

}  // namespace pinscope
