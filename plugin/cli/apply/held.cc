#include "plugin/cli/apply/held.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/holders.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/mount/namespaces.h"

namespace pinscope::cli {
namespace {

constexpr size_t kMapsLimit = size_t{16} << 20;
// How /proc/PID/maps shows a BPF map that is mapped into memory, whichever it is.
constexpr const char* kMapped = "anon_inode:bpf-map";

bool has_mapped(int proc, pid_t pid) {
  const std::string path = std::to_string(pid) + "/maps";
  const auto file = open_at(proc, path, O_RDONLY);
  const auto text = file ? read_all(file->get(), kMapsLimit, path) : Result<std::string>();
  return text && text->find(kMapped) != std::string::npos;
}

std::string text_of(const LostRight& lost) {
  return std::string(model::name_of(lost.object.kind)) + " " + std::to_string(lost.object.id) +
         " (" + quoted(lost.name) + ")";
}

class Look {
 public:
  Look(int proc, kernel::Processes processes, const std::vector<Swapped>& swapped)
      : proc_(proc), processes_(std::move(processes)) {
    for (const auto& one : swapped)
      for (const auto& instance : one.record.instances)
        current_.insert({instance.device_major, instance.device_minor});
    mounts_.resize(processes_.namespaces.size());
    for (size_t i = 0; i < mounts_.size(); ++i)
      if (auto mounts = kernel::bpffs_mounts_of(proc_, processes_.namespaces[i]))
        mounts_[i] = *std::move(mounts);
  }

  [[nodiscard]] std::vector<Held> of(const model::Record& before, const Changes& changes) const {
    std::vector<Held> held;
    std::set<pid_t> members;
    for (size_t i = 0; i < mounts_.size(); ++i) {
      const bool is_own = processes_.namespaces[i].number == before.mount_namespace;
      if (!is_own && !shows(mounts_[i], before.instances)) continue;
      members.insert(processes_.members[i].begin(), processes_.members[i].end());
      if (!is_own) add_namespace(i, held);
    }
    for (const pid_t pid : members) add_process(pid, changes, held);
    if (changes.of_values)
      for (const pid_t pid : members) add_reader_of_values(pid, before.instances, held);
    return held;
  }

 private:
  // The number of a superblock that is gone is soon another one's: what a view has now is not old.
  [[nodiscard]] bool shows(const std::vector<kernel::BpffsMount>& mounts,
                           const std::vector<model::ViewInstance>& instances) const {
    return std::ranges::any_of(mounts, [&](const kernel::BpffsMount& mount) {
      const bool is_current = current_.contains({mount.device_major, mount.device_minor});
      return std::ranges::any_of(instances, [&](const model::ViewInstance& one) {
        return std::ranges::find(one.mounts, mount.id) != one.mounts.end() ||
               (!is_current && one.type == model::InstanceType::kBpf &&
                one.device_major == mount.device_major && one.device_minor == mount.device_minor);
      });
    });
  }

  void add(pid_t pid, std::string text, std::vector<Held>& held) const {
    held.push_back({pid, processes_.command_of(pid), std::move(text)});
  }

  // One that was made of the container's, by a process in it, while the old view was there.
  void add_namespace(size_t index, std::vector<Held>& held) const {
    const auto& members = processes_.members[index];
    add(members.empty() ? 0 : members.front(),
        "a mount namespace of its own shows the old view still", held);
  }

  void add_process(pid_t pid, const Changes& changes, std::vector<Held>& held) const {
    for (const auto& lost : changes.lost) {
      const auto has = [&](const kernel::HeldObject& one) {
        return one.pid == pid && one.object == lost.object &&
               (!lost.is_of_write || one.for_writing);
      };
      const auto found = std::ranges::find_if(processes_.held, has);
      if (found == processes_.held.end()) continue;
      add(pid,
          std::string("has ") + text_of(lost) + " open" +
              (found->for_writing ? " for writing" : ""),
          held);
    }
    if (!changes.lost.empty() && has_mapped(proc_, pid))
      add(pid, "has BPF maps in its memory: the kernel does not say which", held);
  }

  // Whoever serves the values is asked nothing.
  void add_reader_of_values(pid_t pid, const std::vector<model::ViewInstance>& instances,
                            std::vector<Held>& held) const {
    const auto is_in_them = [&](const std::string& path) {
      struct statx status {};
      if (::statx(proc_, path.c_str(), AT_STATX_DONT_SYNC, 0, &status) != 0) return false;
      return std::ranges::any_of(instances, [&](const model::ViewInstance& one) {
        return one.type == model::InstanceType::kFuse && one.device_major == status.stx_dev_major &&
               one.device_minor == status.stx_dev_minor;
      });
    };
    const std::string process = std::to_string(pid);
    const auto directory = open_at(proc_, process + "/fd", O_RDONLY | O_DIRECTORY);
    const auto names =
        directory ? names_in(directory->get(), process) : Result<std::vector<std::string>>();
    bool has_open = is_in_them(process + "/cwd") || is_in_them(process + "/root");
    for (size_t i = 0; names && i < names->size() && !has_open; ++i)
      has_open = is_in_them(process + "/fd/" + (*names)[i]);
    if (has_open) add(pid, "has files of the old values open", held);
  }

  int proc_;
  kernel::Processes processes_;
  std::set<std::pair<uint32_t, uint32_t>> current_;  // superblocks of the views that there are now
  std::vector<std::vector<kernel::BpffsMount>> mounts_;
};

}  // namespace

Result<std::vector<std::vector<Held>>> look_for_held(const std::vector<Swapped>& swapped) {
  std::vector<std::vector<Held>> held(swapped.size());
  const bool any = std::ranges::any_of(
      swapped, [](const Swapped& one) { return one.outcome == Swapped::Outcome::kChanged; });
  if (!any) return held;
  PINSCOPE_TRY(const Fd proc, open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY));
  PINSCOPE_TRY(auto processes, kernel::look_at_processes());
  const Look look(proc.get(), std::move(processes), swapped);
  for (size_t i = 0; i < swapped.size(); ++i)
    if (swapped[i].outcome == Swapped::Outcome::kChanged)
      held[i] = look.of(swapped[i].before, swapped[i].changes);
  return held;
}

}  // namespace pinscope::cli
