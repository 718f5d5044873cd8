#include "plugin/kernel/watch/mount_ways.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/mount/mounts.h"
#include "plugin/kernel/sys.h"

namespace pinscope::kernel {
namespace {

constexpr uint64_t kNoLinks = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

std::string key_of(uint64_t parent, const std::string& path) {
  return std::to_string(parent) + path;
}

// "." for none of them.
std::string joined_names(const Components& names, size_t from, size_t to) {
  std::string path = ".";
  for (size_t i = from; i < to; ++i) path += "/" + names[i];
  return path;
}

}  // namespace

Result<MountWays> MountWays::open() {
  PINSCOPE_TRY(MachineRoot machine, MachineRoot::find());
  const std::string table = std::string(machine.proc()) + "/mountinfo";
  PINSCOPE_TRY(Fd to_wake, open_at(AT_FDCWD, table, O_RDONLY));
  PINSCOPE_TRY(Fd to_ask, open_at(AT_FDCWD, table, O_RDONLY));
  MountWays ways(std::move(machine), std::move(to_wake), std::move(to_ask));
  PINSCOPE_CHECK(ways.read());
  return ways;
}

bool MountWays::has_changed() const {
  struct pollfd asked = {to_ask_.get(), POLLPRI, 0};
  return ::poll(&asked, 1, 0) == 1;
}

Status MountWays::read() {
  PINSCOPE_TRY(mounts_, read_mounts(to_ask_.get()));
  PINSCOPE_TRY(const Fd root,
               open_resolved(machine_.directory(), machine_.path("/"), O_PATH | O_DIRECTORY, 0));
  PINSCOPE_TRY(const uint64_t id, MountTable(false, -1).id_of(root.get()));
  root_ = static_cast<size_t>(std::ranges::find(mounts_, id, &Mount::id) - mounts_.begin());
  by_place_.clear();
  bpffs_.clear();
  for (size_t i = 0; i < mounts_.size(); ++i) {
    by_place_[key_of(mounts_[i].parent, mounts_[i].mount_point)] = i;
    if (mounts_[i].is_bpf) bpffs_.push_back(mounts_[i].mount_point);
  }
  std::ranges::sort(bpffs_);
  return {};
}

const Mount* MountWays::on(uint64_t parent, const std::string& path) const {
  const auto found = by_place_.find(key_of(parent, path));
  return found == by_place_.end() ? nullptr : &mounts_[found->second];
}

MountWay MountWays::way_to(const std::string& path) const {
  MountWay way;
  if (root_ >= mounts_.size()) return way;
  const Mount* last = &mounts_[root_];
  way.mounts.emplace_back(last->id, 0);
  std::string prefix;
  size_t names = 0;
  for (const auto& name : components_of(path)) {
    if (last->may_wait) break;
    prefix += "/" + name;
    ++names;
    const Mount* before = last;
    while (const Mount* next = on(last->id, prefix)) last = next;
    if (last != before) way.mounts.emplace_back(last->id, names);
  }
  way.may_wait = last->may_wait;
  way.ends_on_bpffs = last->is_bpf;
  return way;
}

// From mount to mount: within one, RESOLVE_NO_XDEV goes to no other; the last name opens the root
// of what is mounted there, which asks nothing of it, and is what the table said or is closed
// again.
Result<Fd> MountWays::open_last_mount(const MountWay& way, const Components& names) const {
  PINSCOPE_TRY(Fd at,
               open_resolved(machine_.directory(), machine_.path("/"), O_PATH | O_DIRECTORY, 0));
  const MountTable table(false, -1);
  size_t done = 0;
  for (const auto& [id, depth] : way.mounts) {
    if (depth > 0) {
      PINSCOPE_TRY(const Fd above, open_resolved(at.get(), joined_names(names, done, depth - 1),
                                                 O_PATH | O_DIRECTORY, kNoLinks | RESOLVE_NO_XDEV));
      PINSCOPE_TRY(at, open_resolved(above.get(), names[depth - 1], O_PATH | O_NOFOLLOW, kNoLinks));
    }
    const auto there = table.id_of(at.get());
    if (!there || *there != id) return std::unexpected(Error::system("open a mount", ESTALE));
    done = depth;
  }
  return at;
}

Result<Fd> MountWays::open_directory(const MountWay& way, const std::string& path) {
  const Components names = components_of(path);
  if (!last_.second.valid() || last_.first != way) {
    PINSCOPE_TRY(Fd mount, open_last_mount(way, names));
    last_ = {way, std::move(mount)};
  }
  const std::string rest = joined_names(names, way.mounts.back().second, names.size());
  return open_resolved(last_.second.get(), rest, O_PATH | O_DIRECTORY, kNoLinks | RESOLVE_NO_XDEV);
}

uint64_t MountWays::mounted_on(const MountWay& way, const std::string& path) const {
  if (way.mounts.empty()) return 0;
  const Mount* mount = on(way.mounts.back().first, path);
  return mount == nullptr ? 0 : mount->id;
}

std::vector<std::string> MountWays::names_towards_bpffs(const std::string& directory) const {
  const std::string below = directory == "/" ? directory : directory + "/";
  std::vector<std::string> names;
  for (auto place = std::ranges::lower_bound(bpffs_, below);
       place != bpffs_.end() && place->starts_with(below); ++place) {
    std::string name = place->substr(below.size(), place->find('/', below.size()) - below.size());
    if (!name.empty() && (names.empty() || names.back() != name)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace pinscope::kernel
