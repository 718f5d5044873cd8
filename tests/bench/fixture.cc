#include "tests/bench/fixture.h"

#include <linux/bpf.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::bench {
namespace {

namespace fs = std::filesystem;

// A file of policies holds at most this many, as people split large sets.
constexpr int kRulesPerFile = 100;

Status write_file(const std::string& directory, const std::string& name, const std::string& text) {
  PINSCOPE_TRY(const Fd fd, make_directory(directory, 0755));
  return write_atomically(fd.get(), name, text, 0644);
}

Status mount_at(const char* type, const char* path, unsigned long flags) {
  if (::mount(type, path, type, flags, nullptr) != 0)
    return std::unexpected(Error::system("mount " + pinscope::quoted(path), errno));
  return {};
}

// A map of the usual kind, small, pinned below kPins.
Status pin_map(const std::string& name) {
  union bpf_attr create;
  std::memset(&create, 0, sizeof create);
  create.map_type = BPF_MAP_TYPE_HASH;
  create.key_size = 4;
  create.value_size = 8;
  create.max_entries = 1;
  std::snprintf(create.map_name, sizeof create.map_name, "%s", name.c_str());
  const Fd map(static_cast<int>(::syscall(SYS_bpf, BPF_MAP_CREATE, &create, sizeof create)));
  if (!map.valid()) return std::unexpected(Error::system("create a map", errno));

  const std::string path = std::string(kPins) + "/" + name;
  union bpf_attr pin;
  std::memset(&pin, 0, sizeof pin);
  pin.pathname = reinterpret_cast<uintptr_t>(path.c_str());
  pin.bpf_fd = static_cast<uint32_t>(map.get());
  if (::syscall(SYS_bpf, BPF_OBJ_PIN, &pin, sizeof pin) != 0)
    return std::unexpected(Error::system("pin " + pinscope::quoted(path), errno));
  return {};
}

std::string grant_yaml(int index) {
  const std::string name = pin_name(index);
  return "    - pin: " + std::string(kPins) + "/" + name + "\n      as: " + name +
         "\n      access: read\n";
}

std::string policy_yaml(const std::string& kubernetes_namespace, int grants) {
  std::string text =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata:\n  name: " + kubernetes_namespace +
      "-readers\nspec:\n  select:\n    engine: [" + kEngine +
      "]\n    kubernetes: {namespace: " + kubernetes_namespace + ", pod: \"web-*\"}\n  grants:\n";
  for (int i = 0; i < grants; ++i) text += grant_yaml(i);
  return text;
}

}  // namespace

std::string pin_name(int index) {
  char name[16];
  std::snprintf(name, sizeof name, "m%04d", index);
  return name;
}

int files_of(const PolicySet& set) {
  return set.absent ? 0 : (set.rules + kRulesPerFile - 1) / kRulesPerFile;
}

Result<Fixture> Fixture::make(int pins) {
  // On disk, as /etc and /var are; records go to a tmpfs, as /run is.
  char directory[] = "/var/lib/pinscope-bench-XXXXXX";
  if (::mkdtemp(directory) == nullptr)
    return std::unexpected(Error::system("make directory " + pinscope::quoted(directory), errno));
  Fixture fixture(directory);
  ::chmod(directory, 0755);
  PINSCOPE_TRY([[maybe_unused]] const Fd states, make_directory(fixture.directory_ + "/run", 0755));
  PINSCOPE_CHECK(mount_at("tmpfs", (fixture.directory_ + "/run").c_str(), MS_NOSUID | MS_NODEV));
  for (const char* name : {"proc", "sys", "dev"}) {
    PINSCOPE_TRY([[maybe_unused]] const Fd made,
                 make_directory(fixture.rootfs() + "/" + name, 0755));
  }
  if (::mkdir(kPins, 0755) != 0)
    return std::unexpected(Error::system("make directory " + pinscope::quoted(kPins), errno));
  for (int i = 0; i < pins; ++i) PINSCOPE_CHECK(pin_map(pin_name(i)));
  return fixture;
}

Fixture::~Fixture() {
  if (directory_.empty()) return;
  ::umount2((directory_ + "/run").c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

Result<std::string> Fixture::install(const std::string& programs) const {
  const std::string installed = directory_ + "/programs";
  std::error_code error;
  for (const char* program : {"bin/pinscope", "bin/pinscope-hook", "bin/pinscope-runtime",
                              "bin/pinscoped", "bench/bench_empty", "bench/bench_floor"}) {
    const fs::path to = fs::path(installed) / program;
    if (!fs::create_directories(to.parent_path(), error) && error) break;
    if (!fs::copy_file(fs::path(programs) / program, to, error)) break;
  }
  if (error)
    return std::unexpected(Error::system("install " + pinscope::quoted(programs), error.value()));
  return installed;
}

Result<Site> Fixture::make_site(const std::string& name, const PolicySet& set) const {
  const std::string below = directory_ + "/" + name;
  Site site;
  site.policies = below + "/policy.d";
  site.cache = below + "/cache";
  site.state = directory_ + "/run/" + name;
  site.audit = below + "/log/audit.jsonl";
  site.floor_audit = below + "/log/floor.jsonl";
  site.bundle = below + "/bundle";
  PINSCOPE_CHECK(write_file(site.bundle, "config.json", config_json(rootfs(), true, {})));
  PINSCOPE_TRY([[maybe_unused]] const Fd cache, make_directory(site.cache, 0755));
  PINSCOPE_TRY([[maybe_unused]] const Fd state, make_directory(site.state + "/containers", 0700));
  PINSCOPE_TRY([[maybe_unused]] const Fd log, make_directory(below + "/log", 0755));
  if (set.absent) return site;

  // The container's own policy stands in the middle of the others.
  std::string text;
  for (int rule = 0; rule < set.rules; ++rule) {
    const bool selecting = set.grants > 0 && rule == set.rules / 2;
    text += "---\n" + (selecting ? policy_yaml("web", set.grants)
                                 : policy_yaml("tenant-" + std::to_string(rule), 1));
    if ((rule + 1) % kRulesPerFile != 0 && rule + 1 != set.rules) continue;
    const std::string file = "policies-" + std::to_string(rule / kRulesPerFile) + ".yaml";
    PINSCOPE_CHECK(write_file(site.policies, file, text));
    text.clear();
  }
  return site;
}

void remove_records(const Site& site) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(site.state + "/containers", ignored))
    fs::remove(entry.path(), ignored);
}

}  // namespace pinscope::bench
