#include "plugin/pipeline/explain/predicted_mounts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <deque>
#include <initializer_list>
#include <unordered_map>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope {
namespace {

using kernel::Mount;
using Place = PredictedMounts::Place;

constexpr int kMaxLinks = 40;  // as the kernel: MAXSYMLINKS
// As the kernel: fs.mount-max. It makes no more, and the runtime fails.
constexpr size_t kMaxMounts = 100'000;

std::string child_of(std::string_view directory, std::string_view name) {
  return (directory == "/" ? "" : std::string(directory)) + "/" + std::string(name);
}

// `path`, which is at or below `from`, with `to` in its place.
std::string moved(std::string_view path, std::string_view from, std::string_view to) {
  std::string_view rest = path.substr(from == "/" ? 0 : from.size());
  if (rest == "/") rest = "";
  if (rest.empty()) return std::string(to);
  return (to == "/" ? "" : std::string(to)) + std::string(rest);
}

bool has(const model::ConfiguredMount& mount, std::string_view option) {
  return std::ranges::find(mount.options, option) != mount.options.end();
}

bool is_bind(const model::ConfiguredMount& mount) {
  return mount.type == "bind" || has(mount, "bind") || has(mount, "rbind");
}

// crun takes the "r" of a propagation for the bind as well.
bool is_recursive(const model::ConfiguredMount& mount) {
  return std::ranges::any_of(mount.options, [](std::string_view option) {
    return option == "rbind" || option == "rshared" || option == "rslave" || option == "rprivate" ||
           option == "runbindable";
  });
}

// /proc/PID/root and the like: where they lead is not in their text.
bool leads_to_what_a_process_has(const PredictedMount& mount, std::string_view name) {
  constexpr std::array<std::string_view, 4> kOrdinary = {"self", "thread-self", "net", "mounts"};
  return mount.leads == Mount::Leads::kToProcesses &&
         std::ranges::find(kOrdinary, name) == kOrdinary.end();
}

// "net:[4026531840]", which no path is.
bool is_namespace(std::string_view link) {
  return link.find(":[") != std::string_view::npos && link.ends_with(']');
}

}  // namespace

PredictedMounts::PredictedMounts(const model::Container& container, const std::vector<Mount>& host,
                                 bool looks)
    : looks_(looks) {
  take_host(host);
  // A runtime makes the mounts of its namespace slaves of the host's, unless it is told this.
  const std::string& propagation = container.rootfs_propagation;
  const bool is_shared = propagation == "shared" || propagation == "rshared";
  for (auto& mount : mounts_) mount.is_shared = is_shared;
  // It binds the root on itself, with what is mounted below, on a mount that is private by then.
  const Place rootfs = walk(host_root_, container.rootfs);
  root_ = rootfs;
  const size_t top_mount = bind(rootfs, rootfs, true);
  mounts_[top_mount].is_shared = false;
  root_ = {top_mount, mounts_[top_mount].root};
  for (const auto& mount : container.mounts) add(container, mount);
}

void PredictedMounts::take_host(const std::vector<Mount>& host) {
  std::unordered_map<uint64_t, size_t> index;
  for (size_t i = 0; i < host.size(); ++i) index[host[i].id] = i;
  mounts_.resize(host.size());
  bool has_root = false;
  for (size_t i = 0; i < host.size(); ++i) {
    const Mount& from = host[i];
    PredictedMount& mount = mounts_[i];
    mount.root = from.root;
    mount.on_host = from.mount_point;
    mount.leads = from.leads;
    mount.is_bpf = from.is_bpf;
    mount.is_kernels = from.leads == Mount::Leads::kToProcesses || from.mount_point == "/sys";
    const auto parent = index.find(from.parent);
    if (parent != index.end() && parent->second != i) {
      const Mount& on = host[parent->second];
      mount.parent = parent->second;
      mount.at = moved(from.mount_point, on.mount_point, on.root);
    } else if (from.mount_point == "/" && !has_root) {
      has_root = true;
      host_root_ = {i, from.root};
    }
  }
  if (!has_root) {
    PredictedMount mount;
    mount.root = mount.on_host = "/";
    mounts_.push_back(mount);
    host_root_ = {mounts_.size() - 1, "/"};
  }
  host_root_ = top(host_root_);
}

void PredictedMounts::add(const model::Container& container, const model::ConfiguredMount& mount) {
  auto& resolved = resolved_.emplace_back(mount);
  const Place target = resolve(mount.destination);
  resolved.destination = path_of(target);
  size_t added = PredictedMount::kNone;
  if (is_bind(mount)) {
    const std::string source = join(container.bundle, mount.source);
    const Place place = walk(host_root_, source);
    const std::string seen = on_host(place);
    if (!seen.empty()) resolved.source = seen;
    added = bind(place, target, is_recursive(mount));
    if (const std::string link = link_at(place); is_namespace(link)) {
      mounts_[added].leads = Mount::Leads::kToNamespace;
      mounts_[added].root = link;
      mounts_[added].on_host = source;
    }
  } else {
    PredictedMount made;
    made.root = "/";
    made.is_made = true;
    made.is_bpf = mount.type == "bpf";
    made.is_kernels = mount.type == "proc" || mount.type == "sysfs";
    if (made.is_kernels) made.on_host = mount.type == "proc" ? "/proc" : "/sys";
    if (mount.type == "proc") made.leads = Mount::Leads::kToProcesses;
    added = attach(std::move(made), target);
  }
  // What is attached to a shared mount is shared, and so is a copy of one. crun takes an option for
  // the whole of what is bound, runc for the mount itself; the wider of the two is said.
  const auto any_of = [&](std::initializer_list<std::string_view> options) {
    return std::ranges::any_of(options,
                               [&](std::string_view option) { return has(mount, option); });
  };
  const bool is_shared = any_of({"shared", "rshared"});
  const bool is_own =
      any_of({"private", "rprivate", "slave", "rslave", "unbindable", "runbindable"});
  for (size_t i = added; i < mounts_.size(); ++i)
    mounts_[i].is_shared =
        is_shared || (!is_own && (mounts_[i].is_shared || mounts_[target.mount].is_shared));
}

size_t PredictedMounts::attach(PredictedMount mount, const Place& target) {
  mount.parent = target.mount;
  mount.at = target.path;
  mounts_.push_back(std::move(mount));
  return mounts_.size() - 1;
}

size_t PredictedMounts::bind(const Place& source, const Place& target, bool recursive) {
  const size_t before = mounts_.size();
  PredictedMount copy = mounts_[source.mount];
  copy.root = source.path;
  copy.on_host = on_host(source);
  copy.came_along = false;
  copy.is_file = !source.is_directory;
  const size_t added = attach(std::move(copy), target);
  if (!recursive) return added;
  std::unordered_map<size_t, size_t> copies = {{source.mount, added}};
  // Until nothing more is found: a parent need not stand before its children.
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < before; ++i) {
      const PredictedMount& mount = mounts_[i];
      if (mount.is_gone || mount.parent == PredictedMount::kNone || copies.contains(i)) continue;
      const auto parent = copies.find(mount.parent);
      if (parent == copies.end()) continue;
      if (mounts_.size() >= kMaxMounts) return added;
      if (mount.parent == source.mount && !is_at_or_below(mount.at, source.path)) continue;
      PredictedMount below = mount;
      below.parent = parent->second;
      below.came_along = true;
      mounts_.push_back(std::move(below));
      copies[i] = mounts_.size() - 1;
      more = true;
    }
  }
  return added;
}

bool PredictedMounts::is_on(size_t mount, size_t ancestor) const {
  while (mount != PredictedMount::kNone && mount != ancestor) mount = mounts_[mount].parent;
  return mount == ancestor;
}

std::vector<size_t> PredictedMounts::below_root() const {
  std::vector<size_t> found;
  for (size_t i = 0; i < mounts_.size(); ++i)
    if (i != root_.mount && !mounts_[i].is_gone && is_on(i, root_.mount)) found.push_back(i);
  return found;
}

void PredictedMounts::remove(size_t mount) {
  for (size_t i = 0; i < mounts_.size(); ++i)
    if (is_on(i, mount)) mounts_[i].is_gone = true;
}

Place PredictedMounts::top(Place place) const {
  for (bool found = true; found;) {
    found = false;
    for (size_t i = mounts_.size(); i-- > 0;) {
      const PredictedMount& mount = mounts_[i];
      if (mount.is_gone || mount.parent != place.mount || mount.at != place.path) continue;
      place = {i, mount.root};
      found = true;
      break;
    }
  }
  return place;
}

Place PredictedMounts::up(const Place& root, Place place) const {
  while (!(place == root) && place.path == mounts_[place.mount].root) {
    if (mounts_[place.mount].parent == PredictedMount::kNone) return root;
    place = {mounts_[place.mount].parent, mounts_[place.mount].at};
  }
  if (place == root) return place;
  return top({place.mount, std::string(parent_of(place.path))});
}

std::string PredictedMounts::on_host(const Place& place) const {
  const PredictedMount& mount = mounts_[place.mount];
  if (mount.on_host.empty() || !is_at_or_below(place.path, mount.root)) return "";
  return moved(place.path, mount.root, mount.on_host);
}

std::string PredictedMounts::link_at(const Place& place) const {
  const std::string path = looks_ ? on_host(place) : "";
  std::array<char, PATH_MAX> text{};
  const ssize_t size = path.empty() ? -1 : ::readlink(path.c_str(), text.data(), text.size());
  return size < 0 ? "" : std::string(text.data(), static_cast<size_t>(size));
}

// A directory that runtimes make because something is mounted on it, or below.
bool PredictedMounts::is_made(const Place& place) const {
  return std::ranges::any_of(mounts_, [&](const PredictedMount& mount) {
    return mount.parent == place.mount && is_at_or_below(mount.at, place.path);
  });
}

void PredictedMounts::look(Place& place) const {
  if (place.path == mounts_[place.mount].root) place.is_directory = !mounts_[place.mount].is_file;
  if (place.path == mounts_[place.mount].root || !looks_) return;
  const std::string path = on_host(place);
  struct stat status {};
  const bool is_there = !path.empty() && ::lstat(path.c_str(), &status) == 0;
  place.exists = is_there || is_made(place);
  place.is_directory =
      is_there ? S_ISDIR(status.st_mode)
               : std::ranges::none_of(mounts_, [&](const PredictedMount& mount) {
                   return mount.is_file && mount.parent == place.mount && mount.at == place.path;
                 });
}

Place PredictedMounts::walk(const Place& root, std::string_view path) const {
  std::deque<std::string> parts;
  for (const auto part : split(path, '/')) parts.emplace_back(part);
  Place place = root;
  bool goes_through_process = false;
  bool is_nowhere = false;
  std::string dangling;
  std::vector<std::pair<std::string, size_t>> followed;  // and how much is left behind each
  for (int links = 0;;) {
    while (!followed.empty() && parts.size() <= followed.back().second) {
      look(place);
      if (dangling.empty() && !place.exists) dangling = followed.back().first;
      followed.pop_back();
    }
    if (parts.empty()) break;
    const std::string part = std::move(parts.front());
    parts.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      look(place);
      is_nowhere |= !place.exists;
      place = up(root, place);
      continue;
    }
    const Place next{place.mount, child_of(place.path, part)};
    const Place over = top(next);
    const std::string link = over == next ? link_at(next) : "";
    if (link.empty() || is_namespace(link) || ++links > kMaxLinks) {
      place = over;
      continue;
    }
    goes_through_process |= leads_to_what_a_process_has(mounts_[place.mount], part);
    followed.emplace_back(part, parts.size());
    const auto more = split(link, '/');
    for (auto it = more.rbegin(); it != more.rend(); ++it) parts.emplace_front(*it);
    if (link.starts_with('/')) place = root;
  }
  look(place);
  place.goes_through_process = goes_through_process;
  place.is_nowhere = is_nowhere;
  place.dangling = std::move(dangling);
  return place;
}

std::string PredictedMounts::path_of(Place place) const {
  std::string below;
  while (!(place == root_)) {
    const PredictedMount& mount = mounts_[place.mount];
    if (place.path != mount.root) {
      const std::string rest =
          is_at_or_below(place.path, mount.root) ? moved(place.path, mount.root, "/") : place.path;
      below = rest + below;
      if (place.mount == root_.mount) break;
    }
    if (mount.parent == PredictedMount::kNone) break;
    place = {mount.parent, mount.at};
  }
  return below.empty() ? "/" : below;
}

}  // namespace pinscope
