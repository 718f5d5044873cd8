#include "plugin/kernel/bpf/holders.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "plugin/base/text.h"
#include "plugin/host/directory.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"

namespace pinscope::kernel {
namespace {

// Bytes. The locks of a file come before its id, and a process makes any number of them.
constexpr size_t kFdinfoLimit = size_t{16} << 10;
// Of one process: more than anybody has for a purpose.
constexpr size_t kMaxAsked = 65'536;
constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

// The line of a descriptor's fdinfo that has the id.
std::string_view id_field(model::ObjectKind kind) {
  switch (kind) {
    case model::ObjectKind::kMap:
      return "map_id:\t";
    case model::ObjectKind::kProgram:
      return "prog_id:\t";
    case model::ObjectKind::kLink:
      return "link_id:\t";
  }
  return "";
}

std::optional<uint64_t> number_behind(std::string_view text, std::string_view field, int base) {
  const size_t at = text.find(field);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + field.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} ? std::optional(number) : std::nullopt;
}

// The number in "mnt:[4026531841]".
std::optional<uint64_t> namespace_in(std::string_view link) {
  return link.starts_with("mnt:[") ? number_behind(link, "mnt:[", 10) : std::nullopt;
}

// What somebody can have looked at, in one mount namespace that is not the machine's: they can have
// more descriptors than anybody should wait for.
constexpr std::chrono::milliseconds kForOneNamespace{2000};

class Scan {
 public:
  using Clock = std::chrono::steady_clock;

  Scan(int proc, std::optional<uint64_t> only)
      : proc_(proc), only_(only), host_(namespace_of("1").value_or(0)) {}

  void look_at(pid_t pid, const std::string& name) {
    const auto own = namespace_of(name);
    const bool is_gone = !own && errno == ENOENT;
    if (own) join(*own, pid, name);
    if (only_ && own && *own != *only_) return;
    const bool open = own && look_at_descriptors(pid, name, *own);
    const size_t threads = threads_of(name);
    const bool seen = threads > 1 && look_at_threads(pid, name, own);
    // A process that has ended and waits for its parent has nothing.
    if (!open && !seen && !(is_gone && threads <= 1)) ++result_.not_seen;
  }

  Processes finish() {
    for (const auto& [number, path] : only_open_)
      if (!index_.contains(number)) add({number, path, ""});
    std::ranges::sort(result_.named, {}, &Process::pid);
    const auto same = std::ranges::unique(result_.named, {}, &Process::pid);
    result_.named.erase(same.begin(), same.end());
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::optional<std::string_view> link_of(const std::string& path) {
    const ssize_t size = ::readlinkat(proc_, path.c_str(), link_.data(), link_.size());
    if (size < 0) return std::nullopt;
    return std::string_view(link_.data(), static_cast<size_t>(size));
  }

  [[nodiscard]] std::optional<uint64_t> namespace_of(const std::string& process) {
    const auto link = link_of(process + "/ns/mnt");
    return link ? namespace_in(*link) : std::nullopt;
  }

  // A directory has a link for each directory in it, and two more.
  [[nodiscard]] size_t threads_of(const std::string& name) const {
    struct stat status {};
    if (::fstatat(proc_, (name + "/task").c_str(), &status, 0) != 0) return 0;
    return status.st_nlink > 2 ? status.st_nlink - 2 : 0;
  }

  size_t add(MountNamespace space) {
    index_[space.number] = result_.namespaces.size();
    result_.namespaces.push_back(std::move(space));
    result_.members.emplace_back();
    return result_.namespaces.size() - 1;
  }

  void join(uint64_t number, pid_t pid, const std::string& name) {
    const auto found = index_.find(number);
    const size_t at = found != index_.end() ? found->second : add({number, name + "/ns/mnt", name});
    if (result_.members[at].empty()) name_process(pid);
    if (result_.members[at].empty() || result_.members[at].back() != pid)
      result_.members[at].push_back(pid);
  }

  // Threads that are elsewhere than their process, or have descriptors of their own. False if there
  // is none to be looked at. The first thread may have ended before the others.
  bool look_at_threads(pid_t pid, const std::string& name, std::optional<uint64_t> own) {
    const auto tasks = open_at(proc_, name + "/task", O_RDONLY | O_DIRECTORY);
    const auto threads =
        tasks ? names_in(tasks->get(), "/proc") : Result<std::vector<std::string>>();
    if (!threads) return false;
    pid_t known = own ? pid : 0;  // whose descriptors were looked at
    for (const auto& thread : *threads) {
      const auto id = static_cast<pid_t>(parse_unsigned(thread).value_or(0));
      const std::string path = name + "/task/" + thread;
      const auto number = namespace_of(path);
      if (!number) continue;
      if (number != own) join(*number, pid, path);
      if (known != 0 && has_same_descriptors(known, id)) continue;
      if (look_at_descriptors(pid, path, *number) && known == 0) known = id;
    }
    return known != 0;
  }

  static bool has_same_descriptors(pid_t one, pid_t other) {
    return one == other || ::syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0) == 0;
  }

  // False if they could not be read.
  bool look_at_descriptors(pid_t pid, const std::string& name, uint64_t space) {
    const auto began = Clock::now();
    const bool seen =
        look_at_descriptors(pid, name, began + kForOneNamespace - spent_[space], space != host_);
    spent_[space] += Clock::now() - began;
    return seen;
  }

  bool look_at_descriptors(pid_t pid, const std::string& name, Clock::time_point deadline,
                           bool is_limited) {
    recent_ = {};
    asked_ = 0;
    size_t count = 0;
    auto directory = open_at(proc_, name + "/fd", O_RDONLY | O_DIRECTORY);
    if (!directory) return false;
    Directory descriptors(*std::move(directory));
    while (const auto* entry = descriptors.next()) {
      if (is_limited && count++ % 64 == 0 && Clock::now() > deadline) return false;
      const std::string number = entry->d_name;
      const auto link = link_of(name + "/fd/" + number);
      if (!link) continue;
      if (const auto space = namespace_in(*link))
        only_open_.try_emplace(*space, name + "/fd/" + number);
      if (wants_files_ && link->starts_with('/'))
        result_.files.push_back({pid, name + "/fd/" + number});
      if (const auto kind = kind_of_link(*link); kind && !hold(pid, name, number, *kind))
        return false;
    }
    return true;
  }

  // False if what it is could not be told.
  bool hold(pid_t pid, const std::string& process, const std::string& number,
            model::ObjectKind kind) {
    name_process(pid);
    const auto task =
        static_cast<pid_t>(parse_unsigned(process.substr(process.rfind('/') + 1)).value_or(0));
    const auto descriptor = static_cast<int>(parse_unsigned(number).value_or(0));
    for (const auto& known : recent_)
      if (known.is_repeated && is_same_file(task, known.descriptor, descriptor)) {
        result_.held.push_back(result_.held[*known.place]);
        return true;
      }
    if (++asked_ > kMaxAsked) return false;
    const auto file = open_at(proc_, process + "/fdinfo/" + number, O_RDONLY);
    if (!file) return true;  // it was closed
    auto held = by_fdinfo(*file, kind);
    if (!held) held = by_descriptor(task, process != std::to_string(pid), descriptor, kind);
    if (!held) return false;
    held->pid = pid;
    remember(descriptor, held->object);
    result_.held.push_back(*held);
    return true;
  }

  // The descriptor whose place in the result is the next. One with the object of a recent one may
  // be its duplicate, and then there may be more of them.
  void remember(int descriptor, const model::ObjectIdentity& object) {
    for (auto& known : recent_)
      if (known.place && result_.held[*known.place].object == object) {
        known = {descriptor, result_.held.size(), true};
        return;
      }
    recent_[asked_ % recent_.size()] = {descriptor, result_.held.size()};
  }

  static bool is_same_file(pid_t task, int one, int other) {
    return ::syscall(SYS_kcmp, task, task, KCMP_FILE, one, other) == 0;
  }

  static std::optional<HeldObject> by_fdinfo(const Fd& file, model::ObjectKind kind) {
    const auto text = read_all(file.get(), kFdinfoLimit, "fdinfo");
    const auto id = text ? number_behind(*text, id_field(kind), 10) : std::nullopt;
    if (!id) return std::nullopt;
    const auto flags = number_behind(*text, "flags:\t", 8);
    return HeldObject{
        0, {kind, static_cast<uint32_t>(*id)}, !flags || (*flags & O_ACCMODE) != O_RDONLY};
  }

  // The descriptor itself, where its text is too long: Linux 5.6, of a thread 6.9.
  static std::optional<HeldObject> by_descriptor(pid_t task, bool is_thread, int number,
                                                 model::ObjectKind kind) {
    const Fd owner(
        static_cast<int>(::syscall(SYS_pidfd_open, task, is_thread ? kPidfdThread : 0U)));
    const Fd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, owner.get(), number, 0U)));
    const auto info = taken.valid() ? short_info(taken.get()) : Result<ShortInfo>();
    if (!taken.valid() || !info) return std::nullopt;
    const int flags = ::fcntl(taken.get(), F_GETFL);
    return HeldObject{0, {kind, info->id}, flags < 0 || (flags & O_ACCMODE) != O_RDONLY};
  }

  void name_process(pid_t pid) {
    if (!result_.named.empty() && result_.named.back().pid == pid) return;
    const auto comm = text_of_file("/proc/" + std::to_string(pid) + "/comm");
    result_.named.push_back({pid, comm ? *comm : ""});
  }

  int proc_;
  bool wants_files_ = tells_mounts_by_descriptor();
  std::optional<uint64_t> only_;
  std::array<char, 256> link_{};
  // What the last descriptors of a process led to: a process duplicates them at no cost.
  struct Known {
    int descriptor = -1;
    std::optional<size_t> place;  // in Processes::held
    bool is_repeated = false;     // its object came again
  };
  std::array<Known, 4> recent_{};
  size_t asked_ = 0;
  uint64_t host_;                                        // the machine's own mount namespace
  std::unordered_map<uint64_t, Clock::duration> spent_;  // by mount namespace
  Processes result_;
  std::unordered_map<uint64_t, size_t> index_;           // of namespaces by their number
  std::unordered_map<uint64_t, std::string> only_open_;  // that somebody has open, by number
};

}  // namespace

std::string Processes::command_of(pid_t pid) const {
  const auto found = std::ranges::lower_bound(named, pid, {}, &Process::pid);
  return found != named.end() && found->pid == pid ? found->command : "";
}

Result<Processes> look_at_processes(std::optional<uint64_t> only) {
  PINSCOPE_TRY(const Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  PINSCOPE_TRY(const auto names, names_in(proc.get(), "/proc"));
  std::vector<pid_t> pids;
  for (const auto& name : names)
    if (const auto pid = parse_unsigned(name)) pids.push_back(static_cast<pid_t>(*pid));
  std::ranges::sort(pids);
  Scan scan(proc.get(), only);
  for (const pid_t pid : pids) scan.look_at(pid, std::to_string(pid));
  return scan.finish();
}

}  // namespace pinscope::kernel
