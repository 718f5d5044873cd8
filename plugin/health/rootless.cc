#include "plugin/health/rootless.h"

#include <linux/magic.h>
#include <pwd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/bpf.h"

namespace pinscope::health {

using model::Finding;
using model::Findings;
using Level = Finding::Level;

namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxOfText = size_t{1} << 24;
constexpr size_t kMaxEntries = 10000;  // of a bpffs that are looked at

// Settings that take user namespaces away from users, and the value that does.
struct Setting {
  const char* path;
  const char* name;
  std::string_view refuses;
};
constexpr Setting kSettings[] = {
    {"/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", "0"},
    // Debian and Ubuntu only.
    {"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", "0"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
     "kernel.apparmor_restrict_unprivileged_userns", "1"},
};

Finding finding(Level level, const char* name, std::string detail, std::string action = "") {
  return {level, "rootless", name, std::move(detail), std::move(action)};
}

std::string text_of(const char* path) {
  return text_of_file(path, kMaxOfText).value_or("");
}

bool is_bpffs(const char* path) {
  struct statfs status {};
  return ::statfs(path, &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

void look_at_pins(RootlessFacts& facts) {
  std::error_code error;
  fs::recursive_directory_iterator entry(kernel::kUsualBpffs,
                                         fs::directory_options::skip_permission_denied, error);
  // Of the first directory, skipping a refusal would say that it is empty.
  if (::access(kernel::kUsualBpffs, R_OK | X_OK) != 0) facts.pins_errnum = errno;
  if (error) facts.pins_errnum = error.value();
  if (facts.pins_errnum != 0) return;
  const auto note_directory = [&](const std::string& path) {
    if (::access(path.c_str(), W_OK | X_OK) == 0 && is_bpffs(path.c_str()))
      facts.pin_directories.push_back(path);
  };
  note_directory(kernel::kUsualBpffs);
  for (size_t seen = 0; seen < kMaxEntries && entry != fs::recursive_directory_iterator();
       ++seen, entry.increment(error)) {
    const std::string path = entry->path();
    std::error_code ignored;
    const auto type = entry->symlink_status(ignored).type();
    if (type == fs::file_type::directory) note_directory(path);
    // The kernel's debug files are no objects; no pin has a dot in its name.
    if (type != fs::file_type::regular || entry->path().has_extension()) continue;
    ++facts.pins;
    if (kernel::get_object(path, true)) ++facts.readable;
    if (kernel::get_object(path, false)) ++facts.writable;
  }
}

RootlessFacts look() {
  RootlessFacts facts;
  const uint32_t uid = ::geteuid();
  const struct passwd* entry = ::getpwuid(uid);
  facts.user = entry != nullptr ? entry->pw_name : std::to_string(uid);
  if (const auto found = kernel::try_own_namespace()) facts.own_namespace = *found;
  for (const auto& setting : kSettings) {
    const std::string value = text_of(setting.path);
    if (value == setting.refuses)
      facts.refusals.push_back(std::string(setting.name) + " is " + value);
  }
  for (const char* program : {"/usr/bin/newuidmap", "/bin/newuidmap"})
    facts.has_newuidmap = facts.has_newuidmap || ::access(program, X_OK) == 0;
  facts.uids = count_subordinate_ids(text_of("/etc/subuid"), facts.user, uid);
  facts.gids = count_subordinate_ids(text_of("/etc/subgid"), facts.user, uid);
  look_at_pins(facts);
  if (const auto mounts = kernel::read_mounts()) facts.view = find_view(*mounts);
  return facts;
}

Finding user_namespace(const RootlessFacts& facts) {
  const auto refused = [&](const std::string& what, int errnum) {
    std::string detail = what + strerrordesc_np(errnum);
    for (const auto& refusal : facts.refusals) detail += "; " + refusal;
    return finding(Level::kWarn, "user namespace", detail,
                   "no rootless engine works without: ask the administrator");
  };
  if (facts.own_namespace.made < 0)
    return finding(Level::kWarn, "user namespace", "could not tell", "try again");
  if (facts.own_namespace.made > 0) return refused("refused: ", facts.own_namespace.made);
  if (facts.own_namespace.privileged != 0)
    return refused("allowed, but without rights in it: ", facts.own_namespace.privileged);
  return finding(Level::kOk, "user namespace", "allowed");
}

Finding own_bpffs(const RootlessFacts& facts) {
  if (facts.own_namespace.bpffs == 0)
    return finding(Level::kWarn, "own bpffs",
                   "this kernel lets a user mount one: what a pin's mode opens for reading, a user "
                   "can open for writing",
                   "grant maps to users by sessions only (pinscope run, pam_pinscope)");
  if (facts.own_namespace.bpffs < 0)
    return finding(Level::kOk, "own bpffs", "not tried without a user namespace");
  return finding(Level::kOk, "own bpffs",
                 std::string("no: ") + strerrordesc_np(facts.own_namespace.bpffs) +
                     "; only root of the machine mounts one, so views are the administrator's to "
                     "give");
}

Finding subordinate_ids(const RootlessFacts& facts) {
  if (facts.uids == 0 || facts.gids == 0)
    return finding(Level::kWarn, "subordinate ids",
                   "none in /etc/subuid or /etc/subgid: a container has one user, you",
                   "ask the administrator for usermod --add-subuids FIRST-LAST --add-subgids "
                   "FIRST-LAST " +
                       facts.user);
  const std::string ids =
      std::to_string(facts.uids) + " uids, " + std::to_string(facts.gids) + " gids";
  if (!facts.has_newuidmap)
    return finding(Level::kWarn, "subordinate ids", ids + ", but no newuidmap(1) to use them",
                   "ask the administrator for the package uidmap (shadow-utils)");
  return finding(Level::kOk, "subordinate ids", ids);
}

Finding pins(const RootlessFacts& facts) {
  if (facts.pins_errnum != 0)
    return finding(Level::kOk, "pins",
                   std::string(kernel::kUsualBpffs) +
                       " cannot be looked at: " + strerrordesc_np(facts.pins_errnum));
  return finding(Level::kOk, "pins",
                 count_of(facts.pins, "pin", "pins") + " below " + kernel::kUsualBpffs + ": " +
                     std::to_string(facts.readable) + " open for reading, " +
                     std::to_string(facts.writable) + " for writing");
}

Finding pinning(const RootlessFacts& facts) {
  if (facts.pin_directories.empty())
    return finding(Level::kOk, "pinning", "no directory of a bpffs may be written");
  std::string detail = "you may pin in " + facts.pin_directories.front();
  if (facts.pin_directories.size() > 1)
    detail += " and " + std::to_string(facts.pin_directories.size() - 1) + " more";
  return finding(Level::kWarn, "pinning",
                 detail +
                     ": a map that opens for reading only can be pinned there again, and then "
                     "opens for writing",
                 "the administrator: chmod go-w on it; until then no mode of a pin says \"read "
                 "only\" to users");
}

Finding view(const RootlessFacts& facts) {
  if (facts.view.empty())
    return finding(Level::kOk, "view",
                   "none in this session; the administrator gives one with pinscope run --user " +
                       facts.user + ", or with pam_pinscope(8) at each login");
  return finding(
      Level::kOk, "view",
      facts.view + "; a container of yours has it with -v " + facts.view + ":" + facts.view);
}

}  // namespace

uint64_t count_subordinate_ids(std::string_view text, std::string_view user, uint32_t uid) {
  uint64_t count = 0;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() != 3 || (fields[0] != user && fields[0] != std::to_string(uid))) continue;
    count += parse_unsigned(fields[2]).value_or(0);
  }
  return count;
}

std::string find_view(const std::vector<kernel::Mount>& mounts) {
  // A view shows the directory "view" of its instance, whatever the layout (plan/build.cc); what
  // stands on it comes later.
  for (const auto& mount : mounts)
    if (mount.root == "/view" && (mount.is_bpf || mount.is_tmpfs)) return mount.mount_point;
  return "";
}

Findings judge_rootless(const RootlessFacts& facts) {
  return {user_namespace(facts),
          own_bpffs(facts),
          subordinate_ids(facts),
          pins(facts),
          pinning(facts),
          view(facts),
          finding(Level::kOk, "containers",
                  "the hook leaves those of your own engine alone: what they open is what you may "
                  "open")};
}

Findings check_rootless() {
  return ::geteuid() == 0 ? Findings() : judge_rootless(look());
}

}  // namespace pinscope::health
