#include "plugin/kernel/bpf/source.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/sys.h"
#include "plugin/model/bpf_types.h"
#include "plugin/model/token_rights.h"

namespace pinscope::kernel {
namespace {

// Descriptors, two for each: well below the limit that runtimes leave their hooks.
constexpr size_t kMostKept = 128;

Error missing(const std::string& path, int errnum) {
  return Error::system("open source pin " + quoted(path), errnum, ErrorCode::kSourceMissing);
}

bool is_gone(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR;
}

// Appends "key size 4, expected 8" and the like.
void compare(std::string& differences, const char* what, uint32_t found,
             const std::optional<uint32_t>& expected) {
  if (!expected || *expected == found) return;
  if (!differences.empty()) differences += "; ";
  differences +=
      std::string(what) + " " + std::to_string(found) + ", expected " + std::to_string(*expected);
}

void compare_text(std::string& differences, const char* what, const std::string& found,
                  const std::string& expected) {
  if (expected == found) return;
  if (!differences.empty()) differences += "; ";
  differences += std::string(what) + " " + quoted(found) + ", expected " + quoted(expected);
}

std::string differences_from(const model::Expect& expect, const model::ObjectInfo& info) {
  std::string differences;
  const bool is_map = info.kind == model::ObjectKind::kMap;
  if (expect.kind)
    compare_text(differences, "kind", model::name_of(info.kind), model::name_of(*expect.kind));
  if (expect.map_type)
    compare_text(differences, "type", type_name(info), model::map_type_name(*expect.map_type));
  if (expect.program_type)
    compare_text(differences, "type", type_name(info),
                 model::program_type_name(*expect.program_type));
  if (is_map || !expect.kind) {
    compare(differences, "key size", info.key_size, expect.key_size);
    compare(differences, "value size", info.value_size, expect.value_size);
    compare(differences, "max entries", info.max_entries, expect.max_entries);
  }
  if (expect.object_name) compare_text(differences, "name", info.name, *expect.object_name);
  return differences;
}

}  // namespace

Status check_object(const model::GrantedPin& grant, const model::ObjectInfo& info) {
  const auto refuse = [&](ErrorCode code, std::string reason, std::string hint) {
    return std::unexpected(Error(code, "grant " + quoted(grant.source))
                               .reason(std::move(reason))
                               .hint(std::move(hint)));
  };
  if (const auto differences = differences_from(grant.expect, info); !differences.empty())
    return refuse(ErrorCode::kSourceMismatch,
                  "the object is not what the policy expects: " + differences, "");
  if (grant.object && *grant.object != model::ObjectIdentity{info.kind, info.id})
    return refuse(ErrorCode::kSourceMismatch,
                  "it is another object than the one that was compared with what is denied",
                  "it was replaced while the container was starting; start it again");
  const bool is_map = info.kind == model::ObjectKind::kMap;
  const model::MapType* type = is_map ? model::map_type(info.type) : nullptr;
  if (is_map && type == nullptr)
    return refuse(ErrorCode::kAccessUnsupported, model::unknown_map_type(info.type),
                  model::kUnknownMapTypeHint);
  const bool is_program = info.kind == model::ObjectKind::kProgram;
  if (is_program && grant.access != model::Access::kUse)
    return refuse(ErrorCode::kAccessUnsupported,
                  std::string("it is a program, which cannot be granted with access: ") +
                      model::name_of(grant.access) + ": whoever has it may run and attach it",
                  "grant it with access: use, or say expect: {kind: map} if a map was meant");
  if (!is_program && grant.access == model::Access::kUse)
    return refuse(
        ErrorCode::kAccessUnsupported,
        std::string("access: use is for programs, and it is a ") + model::name_of(info.kind),
        "grant it with access: read or read-write");
  if (is_program)
    if (const char* danger = danger_of(model::TokenRight::kProgram, info.type))
      return refuse(
          ErrorCode::kAccessUnsupported,
          "a program of type " + quoted(type_name(info)) + " is granted to no container: " + danger,
          "attach it on the host");
  if (grant.access != model::Access::kRead) return {};
  if (info.kind == model::ObjectKind::kLink)
    return refuse(ErrorCode::kAccessUnsupported, "a link opens only for writing",
                  "grant it with access: read-write, which includes the right to detach it");
  if (type != nullptr && type->read_refused != nullptr)
    return refuse(ErrorCode::kAccessUnsupported,
                  model::with_article(*type) + " " + type->read_refused,
                  std::string("access: read-write is the right ") + type->read_write);
  return {};
}

Status Together::add(const model::GrantedPin& grant, const model::ObjectInfo& info) {
  Together with = *this;
  PINSCOPE_CHECK(with.judge(grant, info));
  *this = std::move(with);
  return {};
}

Status Together::judge(const model::GrantedPin& grant, const model::ObjectInfo& info) {
  if (info.kind != model::ObjectKind::kMap) return {};
  const model::MapType* type = model::map_type(info.type);
  if (grant.access == model::Access::kRead) {
    if (read_.empty()) read_ = grant.source;
  } else if (type != nullptr && type->holds_maps && outer_.empty()) {
    outer_ = grant.source;
    outer_type_ = model::with_article(*type);
  }
  if (read_.empty() || outer_.empty()) return {};
  return std::unexpected(
      Error(ErrorCode::kAccessUnsupported, "grant " + quoted(grant.source))
          .reason("access: read of " + quoted(read_) + " would not hold beside read-write of " +
                  quoted(outer_) + ", " + outer_type_ +
                  ": the container can put the one into the other, whose owner's programs write it")
          .hint("grant the one that holds maps for reading, or give the two to different "
                "containers"));
}

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

Status SourceOpener::look(const model::GrantedPin& grant) {
  PINSCOPE_TRY(Source source, open_now(grant));
  if (kept_.size() < kMostKept) kept_.emplace(grant.name, std::move(source));
  return {};
}

Result<SourceOpener::Source> SourceOpener::open_now(const model::GrantedPin& grant) {
  PINSCOPE_TRY(Fd pin, find(grant.source));
  // The kernel's look-up of a pin follows links by path; through the descriptor there is none left.
  if (::fchdir(proc_self_fd_) != 0)
    return std::unexpected(Error::system("change to the descriptor directory", errno));
  auto object = get_object(std::to_string(pin.get()), grant.access != model::Access::kReadWrite);
  if (!object) {
    const int errnum = object.error().errnum();
    Error error = Error::system("open source pin " + quoted(grant.source), errnum);
    struct stat status {};
    if (::fstat(pin.get(), &status) == 0 && S_ISLNK(status.st_mode))
      return std::unexpected(
          Error(ErrorCode::kSourceMismatch, "open source pin " + quoted(grant.source))
              .reason("it is a symbolic link")
              .hint("name the pin that it points to"));
    if (errnum == EINVAL && grant.access != model::Access::kReadWrite)
      return std::unexpected(std::move(error)
                                 .hint("a link opens only with access: read-write")
                                 .with_code(ErrorCode::kAccessUnsupported));
    if (errnum == EACCES || errnum == EINVAL)
      return std::unexpected(
          std::move(error).hint("it is not a BPF pin").with_code(ErrorCode::kSourceMismatch));
    if (errnum == EROFS)
      return std::unexpected(
          std::move(error)
              .hint("its file system is read-only: it can be granted for reading")
              .with_code(ErrorCode::kAccessUnsupported));
    return std::unexpected(std::move(error));
  }
  PINSCOPE_TRY(model::ObjectInfo info, object_info(object->get(), proc_self_fd_));
  PINSCOPE_CHECK(check_object(grant, info));
  PINSCOPE_CHECK(together_.add(grant, info));
  return Source{std::move(pin), *std::move(object), std::move(info)};
}

}  // namespace pinscope::kernel
