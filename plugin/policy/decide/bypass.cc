#include "plugin/policy/decide/bypass.h"

#include <linux/capability.h>

#include <algorithm>
#include <iterator>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/configured.h"

namespace pinscope::policy {
namespace {

using model::Bypass;
using model::Container;
using model::Decision;
using model::NamespaceKind;

// Where they are unless options say otherwise; /var/run is a link to /run.
constexpr OwnFiles kOwnFiles[] = {
    {"/etc/pinscope", "whoever writes a policy there decides what is granted"},
    {"/var/lib/pinscope", "whoever writes the compiled policies there decides what is granted"},
    {"/run/pinscope", "whoever writes the records there can hide views and have them removed"},
    {"/var/run/pinscope", "whoever writes the records there can hide views and have them removed"},
    {"/var/log/pinscope", "whoever writes the audit trail there can change what it says"},
};

class Finder {
 public:
  Finder(const Decision& decision, const Container& container, const Surroundings& around,
         const KnownObjects& objects)
      : decision_(decision), container_(container), around_(around), objects_(objects) {}

  std::vector<FoundBypass> find() {
    const bool hides = decision_.selected() && decision_.host_bpffs != model::HostBpffs::kAllow;
    if (!hides)
      of_each_mount(Bypass::kHostBpffs, [this](const model::ConfiguredMount& mount) {
        return shows_bpffs(mount, around_.bpffs) || (decision_.selected() && is_fresh_bpffs(mount));
      });
    // Root of a user namespace owns none of these files, unless it is the host's.
    if (around_.shares_user_namespace || maps_hosts_root(container_)) own_files();
    if (!decision_.selected()) return std::move(found_);
    if (around_.shares_user_namespace) {
      processes();
      capabilities();
    }
    if (namespace_of(container_, NamespaceKind::kPid).mode == model::Namespace::Mode::kPath)
      add(Bypass::kSharedPidNamespace);
    if (decision_.delegation && decision_.delegation->reach == model::ProgramReach::kWholeMachine)
      add(Bypass::kProgramsReach);
    return std::move(found_);
  }

 private:
  void add(Bypass bypass, size_t item = 0) { found_.push_back({bypass, item}); }

  void own_files() {
    for (size_t i = 0; i < container_.mounts.size(); ++i)
      if (const auto* files = writable_own_files(container_.mounts[i], around_))
        found_.push_back({Bypass::kOwnFiles, i, files});
  }

  template <typename Is>
  void of_each_mount(Bypass bypass, const Is& is) {
    for (size_t i = 0; i < container_.mounts.size(); ++i)
      if (is(container_.mounts[i])) add(bypass, i);
  }

  // kernel/ptrace.c: __ptrace_may_access. What is found behind /proc/PID/root is opened with the
  // rights of who looks, who needs CAP_SYS_PTRACE, or the ids of a process with no capability more:
  // without any, a neighbour of the same user is one.
  void processes() {
    if (around_.shares_pid_namespace) add(Bypass::kHostPidNamespace);
    of_each_mount(Bypass::kHostProc, shows_host_proc);
  }

  void capabilities() {
    if (has(container_, CAP_SYS_ADMIN)) add(Bypass::kCapSysAdmin);
    if (has(container_, CAP_SYS_MODULE)) add(Bypass::kCapSysModule);
    if (has(container_, CAP_DAC_READ_SEARCH)) add(Bypass::kCapDacReadSearch);
    if (!has(container_, CAP_BPF) || has(container_, CAP_SYS_ADMIN)) return;
    programs_of_its_own();
    add(Bypass::kCapBpf);
  }

  // What a policy cannot grant beside a token, it can beside the capability.
  void programs_of_its_own() {
    model::TokenRights all;
    all.masks.fill(~uint64_t{0});
    for (size_t i = 0; i < objects_.size(); ++i)
      if (objects_[i] && decision_.grants[i].access == model::Access::kReadWrite &&
          takes_programs(all, *objects_[i]) != nullptr)
        add(Bypass::kCapBpfPrograms, i);
  }

  const Decision& decision_;
  const Container& container_;
  const Surroundings& around_;
  const KnownObjects& objects_;
  std::vector<FoundBypass> found_;
};

}  // namespace

std::vector<FoundBypass> find_bypasses(const Decision& decision, const Container& container,
                                       const Surroundings& around, const KnownObjects& objects) {
  return Finder(decision, container, around, objects).find();
}

std::vector<Bypass> kinds_of(const std::vector<FoundBypass>& found) {
  std::vector<Bypass> kinds;
  kinds.reserve(found.size());
  for (const auto& one : found) kinds.push_back(one.bypass);
  std::ranges::sort(kinds);
  kinds.erase(std::ranges::unique(kinds).begin(), kinds.end());
  return kinds;
}

bool shows_bpffs(const model::ConfiguredMount& mount, const std::vector<std::string>& places) {
  return is_volume(mount) && std::ranges::any_of(places, [&](const std::string& place) {
           return is_at_or_below(mount.source, place) ||
                  (is_recursive_volume(mount) && is_at_or_below(place, mount.source));
         });
}

const OwnFiles* writable_own_files(const model::ConfiguredMount& mount,
                                   const Surroundings& around) {
  if (!is_volume(mount) || has_option(mount, "rro")) return nullptr;
  const bool is_read_only = is_read_only_itself(mount);
  // "ro" is of the volume's own mount, not of those below that come along with it.
  const auto is_writable = [&](const std::string& below) {
    return !is_read_only ||
           (is_recursive_volume(mount) && below != mount.source &&
            (!around.is_on_another_mount || around.is_on_another_mount(mount.source, below)));
  };
  // The volume is in the directory, or the directory in the volume.
  const OwnFiles* ours = std::ranges::find_if(kOwnFiles, [&](const OwnFiles& one) {
    if (is_at_or_below(mount.source, one.directory)) return !is_read_only;
    return is_at_or_below(one.directory, mount.source) && is_writable(one.directory);
  });
  return ours == std::end(kOwnFiles) ? nullptr : ours;
}

Status check_void(const Decision& decision, const std::vector<Bypass>& bypasses) {
  if (bypasses.empty() || !decision.void_rejected_by) return {};
  return std::unexpected(Error(ErrorCode::kVoidView, "give a view to this container")
                             .reason("it would be void, by " + joined(names_of(bypasses), ", "))
                             .hint("take away from the container what these name, as pinscope "
                                   "explain says, or let that policy exclude it")
                             .rule(to_string(*decision.void_rejected_by)));
}

}  // namespace pinscope::policy
