#include "plugin/kernel/mount/mountinfo.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/file_systems.h"
#include "plugin/kernel/mount/fuse_mounts.h"
#include "plugin/kernel/mount/mounts.h"

namespace pinscope::kernel {
namespace {

constexpr size_t kMountinfoLimit = size_t{64} << 20;  // bytes

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

// The numbers of the superblock's device.
std::optional<std::pair<uint32_t, uint32_t>> device_of(const MountinfoLine& line) {
  const auto numbers = split(line.fields[2], ':');
  uint64_t major = 0;
  uint64_t minor = 0;
  if (numbers.size() != 2 || !to_id(numbers[0], major) || !to_id(numbers[1], minor))
    return std::nullopt;
  return std::pair(static_cast<uint32_t>(major), static_cast<uint32_t>(minor));
}

// fs/proc_namespace.c, show_mountinfo: the options of a superblock begin with "ro" or "rw".
bool is_read_only(const MountinfoLine& line) {
  return split(line.dash[3], ',').front() == "ro";
}

bool has_word(std::string_view options, std::string_view word) {
  const auto words = split(options, ',');
  return std::ranges::find(words, word) != words.end();
}

Result<std::string> read_from_start(int mountinfo) {
  if (::lseek(mountinfo, 0, SEEK_SET) != 0)
    return std::unexpected(Error::system("read the container's mount table", errno));
  return read_all(mountinfo, kMountinfoLimit, "mountinfo");
}

Result<std::string> read_of(int directory, const std::string& process) {
  const std::string path = process + "/mountinfo";
  PINSCOPE_TRY(const Fd file, open_at(directory, path, O_RDONLY));
  return read_all(file.get(), kMountinfoLimit, path);
}

}  // namespace

Result<std::vector<Mount>> read_mounts(const std::string& proc) {
  PINSCOPE_TRY(const std::string text, read_of(AT_FDCWD, proc));
  return parse_mountinfo(text);
}

Result<std::vector<Mount>> read_mounts(int mountinfo) {
  PINSCOPE_TRY(const std::string text, read_from_start(mountinfo));
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
    mount.leads = leads_of(line.dash[1]);
    constexpr std::string_view kShared = "shared:";
    const auto shared =
        std::find_if(line.fields.begin() + kFirstOptional, line.dash,
                     [&](std::string_view field) { return field.starts_with(kShared); });
    mount.is_shared = shared != line.dash;
    if (mount.is_shared) to_id(shared->substr(kShared.size()), mount.peer_group);
    mounts.push_back(std::move(mount));
  });
  return mounts;
}

namespace {

std::vector<BpffsMount> parse_mounts_of_type(std::string_view text, std::string_view type) {
  std::vector<BpffsMount> mounts;
  for_each_line(text, [&](const MountinfoLine& line) {
    if (line.dash[1] != type || line.fields.end() - line.dash <= 3) return;
    const auto device = device_of(line);
    BpffsMount mount;
    if (!device || !to_id(line.fields[0], mount.id)) return;
    std::tie(mount.device_major, mount.device_minor) = *device;
    mount.root = unescape(line.fields[3]);
    mount.mount_point = unescape(line.fields[4]);
    mount.is_read_only = has_word(line.fields[5], "ro");
    mount.is_sealed = is_read_only(line);
    // "rw" or "ro" comes first.
    const auto comma = line.dash[3].find(',');
    if (comma != std::string_view::npos) mount.options = unescape(line.dash[3].substr(comma + 1));
    mounts.push_back(std::move(mount));
  });
  return mounts;
}

}  // namespace

std::vector<BpffsMount> parse_bpffs_mounts(std::string_view text) {
  return parse_mounts_of_type(text, "bpf");
}

Result<std::vector<BpffsMount>> read_bpffs_mounts(int proc, const std::string& process) {
  return read_mounts_of_type(proc, process, "bpf");
}

Result<std::vector<BpffsMount>> read_mounts_of_type(int proc, const std::string& process,
                                                    const std::string& type) {
  PINSCOPE_TRY(const std::string text, read_of(proc, process));
  return parse_mounts_of_type(text, type);
}

std::vector<Superblock> parse_superblocks(std::string_view text) {
  std::vector<Superblock> superblocks;
  for_each_line(text, [&](const MountinfoLine& line) {
    const auto device = device_of(line);
    if (!device || line.fields.end() - line.dash <= 3) return;
    superblocks.push_back(
        {device->first, device->second, unescape(line.dash[1]), is_read_only(line)});
  });
  return superblocks;
}

Result<std::vector<Superblock>> read_superblocks(const std::string& proc) {
  PINSCOPE_TRY(const std::string text, read_of(AT_FDCWD, proc));
  return parse_superblocks(text);
}

Result<std::string> superblock_options(int mountinfo, int mount) {
  PINSCOPE_TRY(const auto found, identify_mount(mount, false));
  PINSCOPE_TRY(const std::string text, read_from_start(mountinfo));
  std::optional<std::string> options;
  for_each_line(text, [&](const MountinfoLine& line) {
    uint64_t id = 0;
    if (line.fields.end() - line.dash > 3 && to_id(line.fields[0], id) && id == found.id)
      options = unescape(line.dash[3]);
  });
  if (!options)
    return std::unexpected(Error::system("ask about mount " + std::to_string(found.id), ENOENT));
  return *std::move(options);
}

}  // namespace pinscope::kernel
