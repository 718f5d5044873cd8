#include "plugin/kernel/bpf/same_objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <unordered_map>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

// Entries of directories below what is denied, all together and in one that others may write.
constexpr size_t kMaxEntries = 1U << 17;
constexpr size_t kMaxForeignEntries = 4096;
constexpr int kDeepest = 32;

bool is_gone(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR;
}

bool is_bpffs(int fd) {
  struct statfs status {};
  return ::fstatfs(fd, &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

// What a directory says of the pins in it.
enum class Trust { kAll, kOwnedByRoot, kNone };
Trust trust_of(const struct stat& directory) {
  if (directory.st_uid != 0) return Trust::kNone;
  return (directory.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? Trust::kAll : Trust::kOwnedByRoot;
}

struct CloseDirectory {
  void operator()(DIR* open) const { ::closedir(open); }
};

class Comparer {
 public:
  Comparer(const model::DeniedPins& denied, const MachineRoot& machine, int proc_self_fd)
      : denied_(denied), machine_(machine), proc_self_fd_(proc_self_fd) {}

  // What does not open is for the plan to refuse, and stays what it is: nothing.
  void add(const std::vector<std::string>& sources) {
    SourceOpener opener(proc_self_fd_, accept_unchecked);
    for (const auto& source : sources)
      if (const auto info = opener.info(source))
        add(info->identity());
      else
        comparison_.sources.emplace_back();
  }
  void add(const model::ObjectIdentity& object) {
    by_id_.emplace(object.id, comparison_.sources.size());
    comparison_.sources.push_back({object, ""});
    any_link_ = any_link_ || object.kind == model::ObjectKind::kLink;
  }

  Result<model::Comparison> compare() {
    for (const auto& start : denied_.starts) PINSCOPE_CHECK(look_at_start(start));
    return std::move(comparison_);
  }

 private:
  Status look_at_start(const std::string& start) {
    if (by_id_.empty()) return {};
    const auto fd = open_at(machine_.directory(), machine_.path(start), O_PATH | O_NOFOLLOW);
    if (!fd) return is_gone(fd.error().errnum()) ? Status{} : cannot(start, fd.error().errnum());
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return cannot(start, errno);
    if (S_ISDIR(status.st_mode))
      return is_bpffs(fd->get()) ? walk(machine_.directory(), machine_.path(start), start, 0)
                                 : walk_mounts_below(start);
    if (!S_ISREG(status.st_mode) || !is_bpffs(fd->get()) || !denied_.covers(start)) return {};
    const auto directory = open_at(
        machine_.directory(), machine_.path(std::string(parent_of(start))), O_RDONLY | O_DIRECTORY);
    if (!directory) return cannot(start, directory.error().errnum());
    struct stat above {};
    if (::fstat(directory->get(), &above) != 0) return cannot(start, errno);
    if (!counts(trust_of(above), status)) return {};
    if (::fchdir(directory->get()) != 0) return cannot(start, errno);
    return look_at(std::string(base_name(start)), start);
  }

  // A start that is no bpffs may have some below it.
  Status walk_mounts_below(const std::string& start) {
    if (!mounts_) {
      PINSCOPE_TRY(mounts_, read_mounts(machine_.proc()));
    }
    const std::string below = start == "/" ? start : start + "/";
    for (const auto& mount : *mounts_)
      if (mount.is_bpf && mount.mount_point.starts_with(below))
        PINSCOPE_CHECK(
            walk(machine_.directory(), machine_.path(mount.mount_point), mount.mount_point, 0));
    return {};
  }

  Status walk(int parent, const std::string& name, const std::string& path, int depth) {
    if (depth > kDeepest) return too_many(path, "it is nested too deeply");
    const uint64_t resolve = depth == 0 ? 0 : RESOLVE_NO_SYMLINKS;
    auto fd = open_resolved(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                            resolve | RESOLVE_NO_MAGICLINKS);
    if (!fd) {
      const int errnum = fd.error().errnum();
      return is_gone(errnum) || errnum == ELOOP ? Status{} : cannot(path, errnum);
    }
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return cannot(path, errno);
    const Trust trust = trust_of(status);
    if (trust == Trust::kNone || !is_bpffs(fd->get())) return {};
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd->get()));
    if (!directory) return cannot(path, errno);
    const int open = fd->release();
    if (::fchdir(open) != 0) return cannot(path, errno);
    const std::string prefix = path == "/" ? path : path + "/";
    std::vector<std::string> below;
    size_t read = 0;
    while (const struct dirent* entry = ::readdir(directory.get())) {
      const std::string child = entry->d_name;
      if (child == "." || child == "..") continue;
      if (++entries_ > kMaxEntries)
        return too_many(path, "there are more than " + std::to_string(kMaxEntries));
      if (trust == Trust::kOwnedByRoot && ++read > kMaxForeignEntries) {
        note("left out some pins in " + quoted(path) + ", where others than root make many");
        break;
      }
      if (trust == Trust::kOwnedByRoot) {
        struct stat one {};
        if (::fstatat(open, child.c_str(), &one, AT_SYMLINK_NOFOLLOW) != 0 || !counts(trust, one))
          continue;
      }
      if (entry->d_type == DT_DIR)
        below.push_back(child);
      else if (entry->d_type == DT_REG && denied_.covers(prefix + child))
        PINSCOPE_CHECK(look_at(child, prefix + child));
    }
    for (const auto& child : below) PINSCOPE_CHECK(walk(open, child, prefix + child, depth + 1));
    return {};
  }

  static bool counts(Trust directory, const struct stat& entry) {
    // Whoever may use a pin of root's may make a hard link of it where they may write.
    const bool only_root_made_it =
        entry.st_uid == 0 && (S_ISDIR(entry.st_mode) || entry.st_nlink == 1);
    return directory == Trust::kAll || (directory == Trust::kOwnedByRoot && only_root_made_it);
  }

  // A pin in the working directory. Its kind is asked for only where its id is one of those that
  // are granted.
  Status look_at(const std::string& name, const std::string& path) {
    auto object = get_object(name, true);
    if (!object && object.error().errnum() == EINVAL) {  // a link, which opens for writing only
      if (!any_link_) return {};
      object = get_object(name, false);
    }
    if (!object) {
      const int errnum = object.error().errnum();
      return is_gone(errnum) ? Status{} : cannot(path, errnum);
    }
    const auto found = short_info(object->get());
    if (!found) return cannot(path, found.error().errnum());
    const auto [first, last] = by_id_.equal_range(found->id);
    if (first == last) return {};
    const auto info = object_info(object->get(), proc_self_fd_);
    if (!info) return cannot(path, info.error().errnum());
    for (auto source = first; source != last; ++source) {
      auto& compared = comparison_.sources[source->second];
      if (compared.object.kind == info->kind && compared.denied_as.empty())
        compared.denied_as = path;
    }
    return {};
  }

  Status cannot(const std::string& path, int errnum) {
    if (::geteuid() == 0)
      return std::unexpected(Error::system("open denied pin " + quoted(path), errnum));
    note("could not open denied pin " + quoted(path));
    return {};
  }

  static Status too_many(const std::string& path, std::string reason) {
    return std::unexpected(Error(ErrorCode::kSourceMismatch, "list denied pins in " + quoted(path))
                               .reason(std::move(reason))
                               .hint("deny fewer"));
  }

  void note(std::string text) { comparison_.notes.push_back(std::move(text)); }

  const model::DeniedPins& denied_;
  const MachineRoot& machine_;  // paths of a policy are those of its mounts, granted or denied
  int proc_self_fd_;
  model::Comparison comparison_;
  std::unordered_multimap<uint32_t, size_t> by_id_;  // sources of this id, of any kind
  bool any_link_ = false;
  size_t entries_ = 0;
  std::optional<std::vector<Mount>> mounts_;
};

}  // namespace

Result<model::Comparison> compare_objects(const std::vector<std::string>& sources,
                                          const model::DeniedPins& denied) {
  PINSCOPE_TRY(const Fd descriptors, open_descriptor_directory());
  PINSCOPE_TRY(const MachineRoot machine, MachineRoot::find());
  Comparer comparer(denied, machine, descriptors.get());
  comparer.add(sources);
  return comparer.compare();
}

Result<model::Comparison> find_objects(const std::vector<model::ObjectIdentity>& objects,
                                       const model::DeniedPins& denied) {
  PINSCOPE_TRY(const Fd descriptors, open_descriptor_directory());
  PINSCOPE_TRY(const MachineRoot machine, MachineRoot::find());
  Comparer comparer(denied, machine, descriptors.get());
  for (const auto& object : objects) comparer.add(object);
  return comparer.compare();
}

}  // namespace pinscope::kernel
