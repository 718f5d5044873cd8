#include "plugin/kernel/bpf/source.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/base/utf8.h"
#include "plugin/host/file.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

// Descriptors, two for each: well below the limit that runtimes leave their hooks.
constexpr size_t kMaxKept = 128;

Error missing(const std::string& path, int errnum) {
  return Error::system("open source pin " + quoted(path), errnum, ErrorCode::kSourceMissing);
}

bool is_gone(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR;
}

// Records and every output are UTF-8: what they cannot name nobody could take away again. Of what
// is written in a policy it is so; who pins below a glob chooses the name.
Status check_name(const model::GrantedPin& grant) {
  if (valid_utf8_prefix(grant.source) == grant.source.size()) return {};
  return std::unexpected(Error(ErrorCode::kAccessUnsupported, "grant " + quoted(grant.source))
                             .reason("its path is not UTF-8"));
}

}  // namespace

Result<Fd> SourceOpener::find(const std::string& path) {
  const std::string_view parent = parent_of(path);
  if (!directory_.valid() || directory_path_ != parent) {
    if (!machine_) {
      PINSCOPE_TRY(machine_, MachineRoot::find());
    }
    auto directory =
        open_resolved(machine_->directory(), machine_->path(std::string(parent)),
                      O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
    if (!directory) {
      const int errnum = directory.error().errnum();
      if (errnum == ELOOP)
        return std::unexpected(Error(ErrorCode::kSourceMismatch, "open source pin " + quoted(path))
                                   .reason("a directory above it is a symbolic link")
                                   .hint("write the path without links"));
      if (is_gone(errnum)) return std::unexpected(missing(path, errnum));
      return std::unexpected(Error::system("open source pin " + quoted(path), errnum));
    }
    directory_ = *std::move(directory);
    directory_path_ = std::string(parent);
  }
  auto pin = open_at(directory_.get(), std::string(base_name(path)), O_PATH | O_NOFOLLOW);
  if (!pin && is_gone(pin.error().errnum()))
    return std::unexpected(missing(path, pin.error().errnum()));
  return pin;
}

Result<SourceOpener::Source> SourceOpener::open(const model::GrantedPin& grant) {
  const auto kept = kept_.find(grant.name);
  if (kept == kept_.end()) return open_now(grant);
  Source source = std::move(kept->second);
  kept_.erase(kept);
  return source;
}

Result<model::ObjectInfo> SourceOpener::info(const std::string& path) {
  PINSCOPE_TRY(const Fd pin, find(path));
  const std::string name = std::to_string(pin.get());
  auto object = get_object_at(proc_self_fd_, name, true, by_path_fd_);
  if (!object && object.error().errnum() == EINVAL)
    object = get_object_at(proc_self_fd_, name, false, by_path_fd_);
  if (object) return object_info(object->get(), proc_self_fd_);
  const int errnum = object.error().errnum();
  const bool is_of_this_pin =
      errnum == EINVAL || errnum == EACCES || errnum == EROFS || errnum == ELOOP;
  return std::unexpected(
      Error::system("open source pin " + quoted(path), errnum,
                    is_of_this_pin ? ErrorCode::kSourceMismatch : ErrorCode::kSystem));
}

Status SourceOpener::look(const model::GrantedPin& grant) {
  PINSCOPE_TRY(Source source, open_now(grant));
  if (kept_.size() < kMaxKept) kept_.emplace(grant.name, std::move(source));
  return {};
}

Result<SourceOpener::Source> SourceOpener::open_now(const model::GrantedPin& grant) {
  PINSCOPE_CHECK(check_name(grant));
  PINSCOPE_TRY(Fd pin, find(grant.source));
  // The kernel's look-up of a pin follows links by path; through the descriptor there is none left.
  const bool read_only =
      grant.access != model::Access::kReadWrite && grant.expect.kind != model::ObjectKind::kLink;
  auto object = get_object_at(proc_self_fd_, std::to_string(pin.get()), read_only, by_path_fd_);
  if (!object) {
    const int errnum = object.error().errnum();
    Error error = Error::system("open source pin " + quoted(grant.source), errnum);
    struct stat status {};
    const bool is_known = ::fstat(pin.get(), &status) == 0;
    if (is_known && S_ISDIR(status.st_mode))
      return std::unexpected(
          Error(ErrorCode::kSourceMismatch, "open source pin " + quoted(grant.source))
              .reason("it is a directory")
              .hint("for all pins below it, the policy has to say " +
                    quoted(grant.source + "/**")));
    if (is_known && S_ISLNK(status.st_mode))
      return std::unexpected(
          Error(ErrorCode::kSourceMismatch, "open source pin " + quoted(grant.source))
              .reason("it is a symbolic link")
              .hint("name the pin that it points to"));
    if (errnum == EINVAL && read_only)
      return std::unexpected(
          std::move(error)
              .hint("a link opens only with access: read-write, or, for reading, with expect: "
                    "{kind: link, type: iter}")
              .with_code(ErrorCode::kAccessUnsupported));
    if (errnum == EACCES || errnum == EINVAL)
      return std::unexpected(
          std::move(error).hint("it is not a BPF pin").with_code(ErrorCode::kSourceMismatch));
    if (errnum == EROFS)
      return std::unexpected(
          std::move(error)
              .hint(grant.access == model::Access::kReadWrite
                        ? "its file system is read-only: it can be granted for reading"
                        : "its file system is read-only, and links open only for writing")
              .with_code(ErrorCode::kAccessUnsupported));
    return std::unexpected(std::move(error));
  }
  PINSCOPE_TRY(model::ObjectInfo info, object_info(object->get(), proc_self_fd_));
  PINSCOPE_CHECK(accept_(grant, info));
  return Source{std::move(pin), *std::move(object), std::move(info)};
}

}  // namespace pinscope::kernel
