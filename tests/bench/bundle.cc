// The two JSON texts that a runtime gives to a hook: config.json and the state.
#include <string>
#include <utility>
#include <vector>

#include "plugin/json/json.h"
#include "tests/bench/fixture.h"

namespace pinscope::bench {
namespace {

// System calls that containerd's default seccomp profile allows, about. After those without which
// no runtime starts a process the names stand for nothing: what matters to a reader of config.json
// is how long the list is.
constexpr int kAllowedCalls = 380;
constexpr const char* kNeededCalls[] = {"access",
                                        "arch_prctl",
                                        "brk",
                                        "capget",
                                        "capset",
                                        "chdir",
                                        "clock_gettime",
                                        "clone",
                                        "clone3",
                                        "close",
                                        "close_range",
                                        "dup3",
                                        "epoll_create1",
                                        "epoll_ctl",
                                        "epoll_pwait",
                                        "execve",
                                        "exit",
                                        "exit_group",
                                        "faccessat",
                                        "faccessat2",
                                        "fchdir",
                                        "fchown",
                                        "fcntl",
                                        "fstat",
                                        "fstatfs",
                                        "futex",
                                        "getcwd",
                                        "getdents64",
                                        "getpid",
                                        "getppid",
                                        "getrandom",
                                        "gettid",
                                        "getuid",
                                        "lseek",
                                        "madvise",
                                        "mmap",
                                        "mprotect",
                                        "munmap",
                                        "nanosleep",
                                        "newfstatat",
                                        "openat",
                                        "openat2",
                                        "pipe2",
                                        "prctl",
                                        "prlimit64",
                                        "read",
                                        "readlinkat",
                                        "rseq",
                                        "rt_sigaction",
                                        "rt_sigprocmask",
                                        "rt_sigreturn",
                                        "sched_yield",
                                        "seccomp",
                                        "select",
                                        "set_robust_list",
                                        "set_tid_address",
                                        "setgid",
                                        "setgroups",
                                        "setresgid",
                                        "setresuid",
                                        "setuid",
                                        "sigaltstack",
                                        "statfs",
                                        "statx",
                                        "tgkill",
                                        "uname",
                                        "unlinkat",
                                        "write"};

constexpr std::pair<const char*, const char*> kAnnotations[] = {
    {"io.kubernetes.cri.container-name", "app"},
    {"io.kubernetes.cri.container-type", "container"},
    {"io.kubernetes.cri.image-name", "registry.example/app:1.27"},
    {"io.kubernetes.cri.sandbox-id",
     "9f1c0a77b0f2c7a3a1d52b0d3c8c0f77f4a5e4b6a0a94f2a9d9b4c1e7a2f3b5d"},
    {"io.kubernetes.cri.sandbox-name", "web-5d9c7b8f6-x2k4p"},
    {"io.kubernetes.cri.sandbox-namespace", "web"},
    {"io.kubernetes.cri.sandbox-uid", "6a1f2f0e-8a37-4c55-9d3e-5a8e0f6f2b11"},
};

constexpr const char* kCapabilities[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};

struct Mount {
  const char* destination;
  const char* type;
  std::vector<const char*> options;
};

const std::vector<Mount>& mounts() {
  static const std::vector<Mount> all = {
      {"/proc", "proc", {"nosuid", "noexec", "nodev"}},
      {"/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
      {"/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
  };
  return all;
}

template <typename List>
void write_strings(JsonWriter& json, const char* key, const List& list) {
  json.key(key).array();
  for (const auto& entry : list) json.value(entry);
  json.end();
}

void write_annotations(JsonWriter& json) {
  json.key("annotations").object();
  for (const auto& [key, value] : kAnnotations) json.field(key, value);
  json.end();
}

void write_process(JsonWriter& json) {
  json.key("process").object().field("terminal", false).field("cwd", "/");
  json.key("user").object().field("uid", 0U).field("gid", 0U).end();
  write_strings(json, "args", std::vector<const char*>{"/empty"});
  write_strings(json, "env", std::vector<const char*>{"PATH=/usr/bin:/bin", "HOSTNAME=web-1"});
  json.key("capabilities").object();
  for (const char* set : {"bounding", "effective", "permitted"})
    write_strings(json, set, kCapabilities);
  json.end().field("noNewPrivileges", true).end();
}

void write_mounts(JsonWriter& json) {
  json.key("mounts").array();
  for (const auto& mount : mounts()) {
    json.object().field("destination", mount.destination).field("type", mount.type);
    json.field("source", mount.type);
    write_strings(json, "options", mount.options);
    json.end();
  }
  json.end();
}

void write_seccomp(JsonWriter& json) {
  json.key("seccomp").object().field("defaultAction", "SCMP_ACT_ERRNO");
  write_strings(json, "architectures", std::vector<const char*>{"SCMP_ARCH_X86_64"});
  json.key("syscalls").array().object();
  std::vector<std::string> names(std::begin(kNeededCalls), std::end(kNeededCalls));
  for (int i = static_cast<int>(names.size()); i < kAllowedCalls; ++i)
    names.push_back("system_call_" + std::to_string(i));
  write_strings(json, "names", names);
  json.field("action", "SCMP_ACT_ALLOW").end().end().end();
}

void write_linux(JsonWriter& json, bool seccomp) {
  json.key("linux").object().key("namespaces").array();
  for (const char* type : {"pid", "ipc", "uts", "mount"}) json.object().field("type", type).end();
  json.end();
  if (seccomp) write_seccomp(json);
  write_strings(json, "maskedPaths",
                std::vector<const char*>{"/proc/acpi", "/proc/kcore", "/proc/keys"});
  write_strings(json, "readonlyPaths", std::vector<const char*>{"/proc/bus", "/proc/sys"});
  json.end();
}

void write_hooks(JsonWriter& json, const std::vector<ConfiguredHook>& hooks) {
  json.key("hooks").object();
  for (const auto& hook : hooks) {
    json.key(hook.stage).array().object().field("path", hook.arguments.front());
    write_strings(json, "args", hook.arguments);
    write_strings(json, "env", std::vector<const char*>{"PATH=/usr/bin:/bin"});
    json.end().end();
  }
  json.end();
}

}  // namespace

std::string config_json(const std::string& rootfs, bool seccomp,
                        const std::vector<ConfiguredHook>& hooks) {
  JsonWriter json;
  json.object().field("ociVersion", "1.0.2");
  write_process(json);
  json.key("root").object().field("path", rootfs).field("readonly", false).end();
  json.field("hostname", "web-1");
  write_mounts(json);
  write_hooks(json, hooks);
  write_annotations(json);
  write_linux(json, seccomp);
  json.end();
  return std::string(json.text());
}

std::string state_json(const std::string& id, pid_t pid, const std::string& bundle) {
  JsonWriter json;
  json.object().field("ociVersion", "1.0.2").field("id", id).field("status", "creating");
  json.field("pid", pid).field("bundle", bundle);
  write_annotations(json);
  json.end();
  return std::string(json.text());
}

}  // namespace pinscope::bench
