#include "tests/support/container/bundle.h"

#include "plugin/json/json.h"

namespace pinscope::test {
namespace {

void write_strings(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key).array();
  for (const auto& text : texts) json.value(text);
  json.end();
}

void write_process(JsonWriter& json, const BundleSpec& spec) {
  json.key("process").object().field("terminal", false);
  json.key("user").object().field("uid", spec.uid).field("gid", spec.gid);
  json.key("additionalGids").array();
  for (const uint32_t gid : spec.additional_gids) json.value(gid);
  json.end().end();
  write_strings(json, "args", spec.args);
  write_strings(json, "env", spec.env);
  json.field("cwd", "/").field("noNewPrivileges", spec.no_new_privileges);
  json.key("capabilities").object();
  auto sets = spec.more_capabilities;
  for (const char* set : {"bounding", "effective", "permitted"}) {
    auto& names = sets[set];
    names.insert(names.begin(), spec.capabilities.begin(), spec.capabilities.end());
  }
  for (const auto& [set, names] : sets) write_strings(json, set, names);
  json.end().end();
}

void write_mounts(JsonWriter& json, const BundleSpec& spec) {
  json.key("mounts").array();
  for (const auto& mount : spec.mounts) {
    json.object().field("destination", mount.destination);
    json.field("type", mount.type).field("source", mount.source);
    write_strings(json, "options", mount.options);
    json.end();
  }
  json.end();
}

void write_hooks(JsonWriter& json, const BundleSpec& spec) {
  json.key("hooks").object();
  for (const auto& [point, hooks] : spec.hooks) {
    json.key(point).array();
    for (const auto& hook : hooks) {
      json.object().field("path", hook.path);
      write_strings(json, "args", hook.args);
      write_strings(json, "env", hook.env);
      if (hook.timeout > 0) json.field("timeout", hook.timeout);
      json.end();
    }
    json.end();
  }
  json.end();
}

void write_id_map(JsonWriter& json, std::string_view key, const std::vector<BundleIdMapping>& map) {
  json.key(key).array();
  for (const auto& line : map) {
    json.object().field("containerID", line.container).field("hostID", line.host);
    json.field("size", line.size).end();
  }
  json.end();
}

void write_seccomp(JsonWriter& json, const BundleSpec& spec) {
  json.key("seccomp").object().field("defaultAction", spec.seccomp_default);
  if (spec.seccomp_errno != 0) json.field("defaultErrnoRet", spec.seccomp_errno);
  write_strings(json, "architectures", {"SCMP_ARCH_X86_64"});
  json.key("syscalls").array();
  for (const auto& rule : spec.seccomp) {
    json.object();
    write_strings(json, "names", rule.names);
    json.field("action", rule.action).key("args").array();
    for (const auto& argument : rule.args) {
      json.object().field("index", argument.index).field("value", argument.value);
      json.field("op", argument.op).end();
    }
    json.end().end();
  }
  json.end().end();
}

void write_linux(JsonWriter& json, const BundleSpec& spec) {
  json.key("linux").object();
  if (!spec.cgroups_path.empty()) json.field("cgroupsPath", spec.cgroups_path);
  json.key("namespaces").array();
  for (const auto& [kind, path] : spec.namespaces) {
    json.object().field("type", kind);
    if (!path.empty()) json.field("path", path);
    json.end();
  }
  if (!spec.uid_map.empty() && !spec.namespaces.contains("user"))
    json.object().field("type", "user").end();
  json.end();
  if (!spec.uid_map.empty()) {
    write_id_map(json, "uidMappings", spec.uid_map);
    write_id_map(json, "gidMappings", spec.gid_map);
  }
  if (!spec.devices.empty()) {
    json.key("devices").array();
    for (const auto& device : spec.devices)
      json.object()
          .field("path", device.path)
          .field("type", std::string(1, device.type))
          .field("major", device.major)
          .field("minor", device.minor)
          .end();
    json.end();
  }
  if (!spec.rootfs_propagation.empty()) json.field("rootfsPropagation", spec.rootfs_propagation);
  if (!spec.seccomp_default.empty()) write_seccomp(json, spec);
  write_strings(json, "readonlyPaths", spec.readonly_paths);
  write_strings(json, "maskedPaths", spec.masked_paths);
  json.end();
}

}  // namespace

std::vector<std::string> BundleSpec::default_capabilities() {
  return {"CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
          "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
          "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
          "CAP_KILL",    "CAP_AUDIT_WRITE"};
}

std::vector<std::string> BundleSpec::all_capabilities() {
  auto result = default_capabilities();
  for (const char* name :
       {"CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_SYS_PTRACE",
        "CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_IPC_LOCK", "CAP_SYS_RAWIO",
        "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYSLOG", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE"})
    result.emplace_back(name);
  return result;
}

std::vector<BundleMount> BundleSpec::default_mounts() {
  return {{"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
          {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
          {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}}};
}

BundleSpec& BundleSpec::with_user_namespace(uint32_t host) {
  uid_map = gid_map = {{0, host, 65536}};
  return *this;
}

BundleSpec& BundleSpec::without_mount(const std::string& destination) {
  std::erase_if(mounts, [&](const BundleMount& mount) { return mount.destination == destination; });
  return *this;
}

std::string to_config_json(const BundleSpec& spec) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("ociVersion", "1.0.2");
  write_process(json, spec);
  json.key("root").object().field("path", spec.root_path);
  json.field("readonly", spec.readonly_rootfs).end();
  json.field("hostname", "test");
  write_mounts(json, spec);
  write_hooks(json, spec);
  json.key("annotations").object();
  for (const auto& [key, value] : spec.annotations) json.field(key, value);
  json.end();
  write_linux(json, spec);
  json.end();
  return std::string(json.text());
}

}  // namespace pinscope::test
