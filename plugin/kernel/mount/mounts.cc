#include "plugin/kernel/mount/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <optional>
#include <unordered_map>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/uapi.h"

// <sys/mount.h> and <linux/mount.h> disagree; MS_SHARED of the kernel's ABI.
constexpr uint64_t kPropagationShared = 1U << 20;

namespace pinscope::kernel {
namespace {

constexpr size_t kMountinfoLimit = size_t{64} << 20;  // bytes

// The mount is asked, and its file system, which may wait for an answer, is not.
constexpr int kNoAnswerNeeded = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;

// File systems that answer by themselves: from memory, from a disk, or out of the kernel. Any other
// one may wait: FUSE, NFS, CIFS, 9p, Ceph, autofs, and what is not known here. An overlay answers
// as its layers do; those are the engine's.
struct FileSystem {
  std::string_view type;
  uint64_t magic;
};
constexpr FileSystem kLocal[] = {
    {"overlay", OVERLAYFS_SUPER_MAGIC},
    {"tmpfs", TMPFS_MAGIC},
    {"proc", PROC_SUPER_MAGIC},
    {"sysfs", SYSFS_MAGIC},
    {"cgroup2", CGROUP2_SUPER_MAGIC},
    {"cgroup", CGROUP_SUPER_MAGIC},
    {"devpts", DEVPTS_SUPER_MAGIC},
    {"devtmpfs", TMPFS_MAGIC},
    {"mqueue", 0x19800202},
    {"bpf", BPF_FS_MAGIC},
    {"ext4", EXT4_SUPER_MAGIC},
    {"ext3", EXT3_SUPER_MAGIC},
    {"ext2", EXT2_SUPER_MAGIC},
    {"xfs", XFS_SUPER_MAGIC},
    {"btrfs", BTRFS_SUPER_MAGIC},
    {"zfs", 0x2fc12fc1},
    {"f2fs", F2FS_SUPER_MAGIC},
    {"bcachefs", 0xca451a4e},
    {"ramfs", RAMFS_MAGIC},
    {"rootfs", RAMFS_MAGIC},
    {"hugetlbfs", HUGETLBFS_MAGIC},
    {"squashfs", SQUASHFS_MAGIC},
    {"erofs", EROFS_SUPER_MAGIC_V1},
    {"iso9660", ISOFS_SUPER_MAGIC},
    {"vfat", MSDOS_SUPER_MAGIC},
    {"nsfs", NSFS_MAGIC},
    {"securityfs", SECURITYFS_MAGIC},
    {"debugfs", DEBUGFS_MAGIC},
    {"tracefs", TRACEFS_MAGIC},
    {"configfs", 0x62656570},
    {"fusectl", 0x65735543},
    {"pstore", PSTOREFS_MAGIC},
    {"efivarfs", EFIVARFS_MAGIC},
    {"binfmt_misc", BINFMTFS_MAGIC},
    {"selinuxfs", SELINUX_MAGIC},
    {"resctrl", 0x7655821},
};

bool is_local(std::string_view type) {
  return std::ranges::find(kLocal, type, &FileSystem::type) != std::end(kLocal);
}

bool is_local(uint64_t magic) {
  return std::ranges::find(kLocal, magic, &FileSystem::magic) != std::end(kLocal);
}

bool is_octal(char byte) {
  return byte >= '0' && byte <= '7';
}

// mountinfo writes blanks, newlines and backslashes as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool to_id(std::string_view text, uint64_t& id) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc{} && end == text.data() + text.size();
}

// id parent major:minor root mount-point options [optional...] - type source super-options
constexpr size_t kFirstOptional = 6;
struct MountinfoLine {
  std::vector<std::string_view> fields;
  std::vector<std::string_view>::const_iterator dash;  // at least two fields follow
};

template <typename Use>
void for_each_line(std::string_view text, const Use& use) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    MountinfoLine parsed{split(line, ' '), {}};
    const auto& fields = parsed.fields;
    parsed.dash = fields.size() > kFirstOptional
                      ? std::find(fields.begin() + kFirstOptional, fields.end(), "-")
                      : fields.end();
    if (fields.end() - parsed.dash >= 2) use(parsed);
  }
}

Result<std::string> read_from_start(int mountinfo) {
  if (::lseek(mountinfo, 0, SEEK_SET) != 0)
    return std::unexpected(Error::system("read the container's mount table", errno));
  return read_all(mountinfo, kMountinfoLimit, "mountinfo");
}

// Version 1 of cgroups takes no programs.
Mount::Leads leads_by_magic(uint64_t magic) {
  switch (magic) {
    case CGROUP2_SUPER_MAGIC:
      return Mount::Leads::kToCgroups;
    case NSFS_MAGIC:
      return Mount::Leads::kToNamespace;
    case PROC_SUPER_MAGIC:
      return Mount::Leads::kToProcesses;
    default:
      return Mount::Leads::kNowhere;
  }
}

Mount::Leads leads_by_name(std::string_view type) {
  if (type == "cgroup2") return Mount::Leads::kToCgroups;
  if (type == "nsfs") return Mount::Leads::kToNamespace;
  return type == "proc" ? Mount::Leads::kToProcesses : Mount::Leads::kNowhere;
}

struct StatmountBuffer {
  uapi::Statmount header;
  char rest[PATH_MAX];
};

Result<Mount> statmount(uint64_t id, bool with_paths) {
  StatmountBuffer buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel fills it
  uapi::MntIdReq request{};
  request.size = uapi::kMntIdReqSize0;
  request.mnt_id = id;
  request.param = uapi::kStatmountSbBasic | uapi::kStatmountMntBasic |
                  (with_paths ? uapi::kStatmountMntPoint | uapi::kStatmountMntRoot : 0U);
  if (::syscall(uapi::kSysStatmount, &request, &buffer, sizeof buffer, 0) != 0)
    return std::unexpected(Error::system("ask about mount " + std::to_string(id), errno));
  Mount mount;
  mount.id = id;
  mount.parent = buffer.header.mnt_parent_id;
  mount.is_bpf = buffer.header.sb_magic == BPF_FS_MAGIC;
  mount.is_tmpfs = buffer.header.sb_magic == TMPFS_MAGIC;
  mount.may_wait = !is_local(uint64_t{buffer.header.sb_magic});
  mount.is_shared = (buffer.header.mnt_propagation & kPropagationShared) != 0;
  mount.leads = leads_by_magic(buffer.header.sb_magic);
  if (with_paths) {
    mount.mount_point = buffer.header.str + buffer.header.mnt_point;
    mount.root = buffer.header.str + buffer.header.mnt_root;
  }
  return mount;
}

Result<Mount> statmount_with_parent(uint64_t id) {
  PINSCOPE_TRY(Mount mount, statmount(id, true));
  PINSCOPE_TRY(const Mount parent, statmount(mount.parent, false));
  mount.parent_is_shared = parent.is_shared;
  return mount;
}

// Which mounts of a table are below one of them. Each mount is asked about once: a chain of ten
// thousand mounts on top of each other must not be walked from each of its links.
class Ancestry {
 public:
  Ancestry(const std::vector<Mount>& mounts, uint64_t root) {
    for (const auto& mount : mounts) mounts_[mount.id] = {&mount, Answer::kUnknown};
    mounts_[root].answer = Answer::kYes;
  }

  [[nodiscard]] const Mount* find(uint64_t id) const {
    const auto found = mounts_.find(id);
    return found == mounts_.end() ? nullptr : found->second.mount;
  }

  bool reaches_root(uint64_t id) {
    std::vector<Entry*> path;
    Answer answer = Answer::kNo;
    for (auto at = mounts_.find(id); at != mounts_.end(); at = mounts_.find(id)) {
      Entry& entry = at->second;
      answer = entry.answer;
      if (answer != Answer::kUnknown) break;
      // A table that was read while it changed could hold a cycle.
      entry.answer = answer = Answer::kNo;
      path.push_back(&entry);
      id = entry.mount->parent;
    }
    for (Entry* entry : path) entry->answer = answer;
    return answer == Answer::kYes;
  }

 private:
  enum class Answer { kUnknown, kNo, kYes };
  struct Entry {
    const Mount* mount = nullptr;
    Answer answer = Answer::kUnknown;
  };
  std::unordered_map<uint64_t, Entry> mounts_;
};

}  // namespace

Result<std::vector<Mount>> read_mounts(const std::string& proc) {
  const std::string path = proc + "/mountinfo";
  PINSCOPE_TRY(const Fd file, open_at(AT_FDCWD, path, O_RDONLY));
  PINSCOPE_TRY(const std::string text, read_all(file.get(), kMountinfoLimit, path));
  return parse_mountinfo(text);
}

Result<std::vector<Mount>> read_bpf_mounts(const std::string& proc) {
  PINSCOPE_TRY(auto mounts, read_mounts(proc));
  std::erase_if(mounts, [](const Mount& mount) { return !mount.is_bpf; });
  return mounts;
}

std::vector<std::string> bpffs_places() {
  std::vector<std::string> places = {kUsualBpffs};
  const auto mounts = read_bpf_mounts();
  if (!mounts) return places;
  for (const auto& mount : *mounts)
    if (mount.mount_point != kUsualBpffs) places.push_back(mount.mount_point);
  return places;
}

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> mounts;
  for_each_line(text, [&](const MountinfoLine& line) {
    Mount mount;
    if (!to_id(line.fields[0], mount.id) || !to_id(line.fields[1], mount.parent)) return;
    mount.root = unescape(line.fields[3]);
    mount.mount_point = unescape(line.fields[4]);
    mount.is_bpf = line.dash[1] == "bpf";
    mount.is_tmpfs = line.dash[1] == "tmpfs";
    mount.may_wait = !is_local(line.dash[1]);
    mount.leads = leads_by_name(line.dash[1]);
    mount.is_shared =
        std::any_of(line.fields.begin() + kFirstOptional, line.dash,
                    [](std::string_view field) { return field.starts_with("shared:"); });
    mounts.push_back(std::move(mount));
  });
  return mounts;
}

Result<std::string> superblock_options(int mountinfo, int mount) {
  PINSCOPE_TRY(const uint64_t wanted, MountTable(false, mountinfo).id_of(mount));
  PINSCOPE_TRY(const std::string text, read_from_start(mountinfo));
  std::optional<std::string> options;
  for_each_line(text, [&](const MountinfoLine& line) {
    uint64_t id = 0;
    if (line.fields.end() - line.dash > 3 && to_id(line.fields[0], id) && id == wanted)
      options = unescape(line.dash[3]);
  });
  if (!options)
    return std::unexpected(Error::system("ask about mount " + std::to_string(wanted), ENOENT));
  return *std::move(options);
}

Result<std::vector<Mount>> MountTable::read_mountinfo() const {
  PINSCOPE_TRY(const std::string text, read_from_start(mountinfo_));
  return parse_mountinfo(text);
}

Result<MountAndDevice> identify_mount(int fd, bool has_unique_ids) {
  const unsigned mask = has_unique_ids ? uapi::kStatxMntIdUnique : STATX_MNT_ID;
  struct statx status {};
  if (::statx(fd, "", kNoAnswerNeeded, mask, &status) != 0)
    return std::unexpected(Error::system("ask for a mount id", errno));
  if ((status.stx_mask & mask) == 0)
    return std::unexpected(Error::system("ask for a mount id", EOPNOTSUPP));
  return MountAndDevice{status.stx_mnt_id, status.stx_dev_major, status.stx_dev_minor};
}

Result<uint64_t> MountTable::id_of(int fd) const {
  PINSCOPE_TRY(const auto found, identify_mount(fd, list_mounts_));
  return found.id;
}

Result<bool> MountTable::is_mount_root(int fd) {
  struct statx status {};
  if (::statx(fd, "", kNoAnswerNeeded, 0, &status) != 0)
    return std::unexpected(Error::system("stat a directory of the container", errno));
  return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Result<Mount> MountTable::by_id(uint64_t id) const {
  if (list_mounts_) return statmount(id, false);
  PINSCOPE_TRY(const auto mounts, read_mountinfo());
  for (const auto& mount : mounts)
    if (mount.id == id) return mount;
  return std::unexpected(Error::system("ask about mount " + std::to_string(id), ENOENT));
}

Result<Mount> MountTable::of(int fd) const {
  PINSCOPE_TRY(const uint64_t id, id_of(fd));
  return by_id(id);
}

Result<std::vector<Mount>> MountTable::bpf_mounts_below(int fd) const {
  PINSCOPE_TRY(auto below, look_below(fd));
  return std::move(below.bpf);
}

void MountTable::Below::take(Mount mount) {
  may_wait = may_wait || mount.may_wait;
  if (mount.is_bpf)
    bpf.push_back(std::move(mount));
  else if (mount.leads_anywhere())
    leading.push_back(std::move(mount));
}

Result<MountTable::Below> MountTable::look_below(int fd) const {
  PINSCOPE_TRY(const Mount own, of(fd));
  const uint64_t root = own.id;
  Below below;
  below.may_wait = own.may_wait;
  if (list_mounts_) {
    uapi::MntIdReq request{};
    request.size = uapi::kMntIdReqSize0;
    request.mnt_id = root;
    std::array<uint64_t, 256> ids{};
    for (;;) {
      const long count = ::syscall(uapi::kSysListmount, &request, ids.data(), ids.size(), 0);
      if (count < 0) return std::unexpected(Error::system("list the container's mounts", errno));
      for (long i = 0; i < count; ++i) {
        const uint64_t id = ids[static_cast<size_t>(i)];
        auto mount = statmount(id, false);
        if (mount && mount->is_bpf) {
          mount = statmount_with_parent(id);
        } else if (mount && mount->leads_anywhere()) {
          mount = statmount(id, true);
        }
        // The host unmounted it meanwhile, where the container follows the host's changes.
        if (!mount && mount.error().errnum() == ENOENT) continue;
        if (!mount) return std::unexpected(std::move(mount).error());
        below.take(*std::move(mount));
      }
      if (static_cast<size_t>(count) < ids.size()) return below;
      request.param = ids.back();
    }
  }
  PINSCOPE_TRY(const auto mounts, read_mountinfo());
  Ancestry ancestry(mounts, root);
  for (const auto& mount : mounts) {
    if ((!mount.is_bpf && !mount.may_wait && !mount.leads_anywhere()) || mount.id == root) continue;
    if (!ancestry.reaches_root(mount.id)) continue;
    Mount taken = mount;
    const Mount* parent = ancestry.find(mount.parent);
    taken.parent_is_shared = parent != nullptr && parent->is_shared;
    below.take(std::move(taken));
  }
  return below;
}

}  // namespace pinscope::kernel
