#include "plugin/advice/remarks.h"

#include <linux/capability.h>

#include <algorithm>

#include "plugin/advice/bypass_text.h"
#include "plugin/advice/delegation.h"
#include "plugin/advice/neighbours.h"
#include "plugin/advice/processes.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/configured.h"
#include "plugin/policy/decide/reach.h"

namespace pinscope::advice {
namespace {

using Kind = Remark::Kind;
using model::Access;
using model::Bypass;
using model::Container;
using model::Decision;
using model::Namespace;
using model::NamespaceKind;

class Observer {
 public:
  Observer(const Container& container, const Decision& decision,
           const std::vector<std::string>& host_bpffs, const NeededCommands& needed,
           const policy::Surroundings::Mounts& host_mounts)
      : container_(container),
        decision_(decision),
        host_bpffs_(host_bpffs),
        needed_(needed),
        host_mounts_(host_mounts) {}

  std::vector<Remark> observe() {
    bring_along();
    take(
        remarks_on_bypasses(policy::find_bypasses(decision_, container_, surroundings(), objects()),
                            container_, decision_));
    if (!decision_.selected()) return std::move(remarks_);
    namespaces();
    take(remarks_on_neighbours(container_, decision_));
    take(remarks_on_delegation(container_, decision_));
    seccomp();
    lsm();
    owners();
    rights();
    values();
    checkpoints();
    if (decision_.grants.empty() && !decision_.delegation)
      add(Kind::kNote, "no-grants", "nothing is granted: the container gets no pin at all", "");
    std::stable_sort(remarks_.begin(), remarks_.end(), [](const Remark& left, const Remark& right) {
      return left.kind < right.kind;
    });
    return std::move(remarks_);
  }

 private:
  void add(Kind kind, std::string code, std::string text, std::string action) {
    remarks_.push_back({kind, std::move(code), std::move(text), std::move(action)});
  }

  void take(std::vector<Remark> more) {
    for (auto& remark : more) remarks_.push_back(std::move(remark));
  }

  // Who explains has said which namespaces are the host's; see explain() of the pipeline.
  [[nodiscard]] policy::Surroundings surroundings() const {
    return {!policy::has_user_namespace(container_),
            model::namespace_of(container_, NamespaceKind::kPid).mode == Namespace::Mode::kHost,
            host_bpffs_, host_mounts_};
  }
  [[nodiscard]] policy::KnownObjects objects() const { return policy::expected_objects(decision_); }

  // Where a policy says what becomes of them. Otherwise they make the view void.
  void bring_along() {
    const auto how = decision_.host_bpffs;
    if (!decision_.selected() || how == model::HostBpffs::kAllow) return;
    for (const auto& mount : container_.mounts) {
      if (!policy::shows_bpffs(mount, host_bpffs_)) continue;
      if (how == model::HostBpffs::kMask)
        add(Kind::kNote, name_of(Bypass::kHostBpffs),
            shown_bpffs(mount) + "; it is removed from the container (hostBpffs: mask)", "");
      else
        add(Kind::kRefuses, name_of(Bypass::kHostBpffs),
            shown_bpffs(mount) + "; the policy says hostBpffs: reject",
            "remove the mount, or say hostBpffs: mask");
    }
  }

  void namespaces() {
    const auto& mount = model::namespace_of(container_, NamespaceKind::kMount);
    if (mount.mode == Namespace::Mode::kPath)
      add(Kind::kNote, "joined-mount-namespace",
          "the container joins the mount namespace at " + quoted(mount.path) +
              ": whoever else is in it sees the view, too",
          "");
    take(remarks_on_processes(container_));
  }

  void seccomp() {
    if (!decision_.has_pins() && !decision_.delegation) return;
    const auto missing = needed_.commands - container_.seccomp_commands;
    if (missing.empty()) {
      if (container_.seccomp_bpf == model::SeccompBpf::kFiltered)
        add(Kind::kNote, "seccomp",
            "the seccomp profile allows only some commands of bpf(2), among them all that the "
            "grants need",
            "");
      return;
    }
    const bool can_be_opened = needed_.still_refused.empty();
    const std::string how =
        can_be_opened
            ? "start it through pinscope-runtime, or with Podman's precreate hook, which would add "
            : "pinscope-runtime and the precreate hook do not change such a profile; use one that "
              "allows ";
    const std::string which = to_string(can_be_opened ? missing : needed_.still_refused);
    add(Kind::kUnreachable, "seccomp",
        container_.seccomp_bpf == model::SeccompBpf::kRefused
            ? !decision_.has_pins()
                  ? "the seccomp profile refuses bpf(2): no token can be made"
                  : "the seccomp profile refuses bpf(2): the pins are there, but cannot be opened"
            : "the seccomp profile refuses some of the commands of bpf(2) that the grants need",
        how + which);
  }

  void lsm() {
    const bool has_view = decision_.has_pins() || decision_.delegation;
    const bool below_sys = has_view && is_at_or_below(decision_.at, "/sys/fs");
    const auto& profile = container_.apparmor_profile;
    const bool is_default = profile == "docker-default" || profile == "cri-containerd.apparmor.d" ||
                            profile == "crio-default" || profile.starts_with("containers-default");
    if (below_sys && is_default)
      add(Kind::kNote, "apparmor",
          "the AppArmor profile " + quoted(profile) + " denies writing below /sys/fs",
          "if the container cannot open its pins, say view.at: /run/bpf");
    if (container_.selinux_label.find(":container_t:") != std::string::npos)
      add(Kind::kNote, "selinux",
          "where SELinux is enforcing, container_t may not use maps that another domain made",
          "allow it the bpf class for the domain that loads the objects");
  }

  // The kernel asks the pin's mode for reading, and for writing if the grant is read-write.
  bool may_open(const model::GrantedPin& grant) const {
    if (policy::has(container_, CAP_DAC_OVERRIDE)) return true;
    const auto& groups = container_.additional_gids;
    unsigned shift = 0;
    if (container_.uid == grant.uid) {
      shift = 6;
    } else if (container_.gid == grant.gid ||
               std::find(groups.begin(), groups.end(), grant.gid) != groups.end()) {
      shift = 3;
    }
    const uint32_t wanted = grant.access == Access::kReadWrite ? 06U : 04U;
    return (grant.mode >> shift & wanted) == wanted;
  }

  void owners() {
    for (const auto& grant : decision_.grants) {
      if (may_open(grant)) continue;
      char mode[8];
      std::snprintf(mode, sizeof mode, "%04o", grant.mode & 07777U);
      add(Kind::kUnreachable, "owner",
          "the container's process (" + std::to_string(container_.uid) + ":" +
              std::to_string(container_.gid) + ") may not open " + quoted(grant.name) +
              ": it belongs to " + std::to_string(grant.uid) + ":" + std::to_string(grant.gid) +
              " with mode " + mode,
          "set owner or mode in " + model::to_string(grant.rule));
    }
  }

  std::string names_with(Access access) const {
    std::string names;
    for (const auto& grant : decision_.grants)
      if (grant.access == access && grant.pin)
        names += (names.empty() ? "" : ", ") + quoted(grant.name);
    return names;
  }

  void values() {
    if (decision_.shows_values())
      add(Kind::kNote, "values",
          "values are at " + quoted(decision_.values_at) +
              ": the container does not start unless pinscoped --hold keeps them, and reads them "
              "while pinscoped --values serves them",
          "");
  }

  // CRIU 4.2: "doesn't have a proper root mount", because a view is a part of its file system.
  void checkpoints() {
    if (decision_.grants.empty() && !decision_.delegation) return;
    add(Kind::kNote, "checkpoint",
        "a container with a view cannot be checkpointed: CRIU does not dump a mount that shows a "
        "part of its file system",
        "");
  }

  void rights() {
    if (const auto readable = names_with(Access::kRead); !readable.empty())
      add(Kind::kNote, "open-for-reading",
          "a program has to open " + readable +
              " with BPF_F_RDONLY; without it, which is every library's default, it gets EROFS",
          "docs/cannot-open-pin.md has the line for libbpf, bpftool, cilium/ebpf and Python");
    if (const auto programs = names_with(Access::kUse); !programs.empty())
      add(Kind::kNote, "use",
          "use of " + programs +
              " is the right to run it, and to attach and detach it wherever the container's "
              "descriptors reach: also those that others send it, and mounts that come later",
          "");
    const auto writable = names_with(Access::kReadWrite);
    if (writable.empty()) return;
    add(Kind::kNote, "read-write",
        "read-write of " + writable +
            " includes the right to freeze a map, after which nobody can update it, and, of a "
            "link, to detach or replace it",
        "grant read where that is enough");
  }

  const Container& container_;
  const Decision& decision_;
  const std::vector<std::string>& host_bpffs_;
  const NeededCommands& needed_;
  const policy::Surroundings::Mounts& host_mounts_;
  std::vector<Remark> remarks_;
};

}  // namespace

const char* name_of(Remark::Kind kind) {
  switch (kind) {
    case Kind::kRefuses:
      return "refuses";
    case Kind::kVoid:
      return "void";
    case Kind::kUnreachable:
      return "unreachable";
    case Kind::kNote:
      return "note";
  }
  return "";
}

std::vector<Remark> remarks_on(const Container& container, const Decision& decision,
                               const std::vector<std::string>& host_bpffs,
                               const NeededCommands& needed,
                               const policy::Surroundings::Mounts& host_mounts) {
  return Observer(container, decision, host_bpffs, needed, host_mounts).observe();
}

}  // namespace pinscope::advice
