// What we know of one container before it starts: read from the runtime's state JSON and the
// bundle's config.json by oci/, judged by policy/. Passive data; nothing here touches the machine.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin/model/bpf_commands.h"

namespace pinscope::model {

// Which software started the container. Decided by how the hook was installed (its --engine
// argument), never by anything in the container's configuration.
// kHost is none of them: a session of the host itself (`pinscope run`).
enum class Engine { kUnknown, kPodman, kDocker, kContainerd, kCrio, kHost };

// The Linux namespaces that a policy may ask about, in the order of Container::namespaces.
enum class NamespaceKind { kUser, kNet, kPid, kIpc, kUts, kCgroup, kTime, kMount };
inline constexpr size_t kNamespaceKinds = 8;

// How the container comes by a namespace: it shares the host's, gets a new one, or joins the one at
// `path` (for example "/run/netns/tenant-a" or "/proc/123/ns/net").
struct Namespace {
  enum class Mode { kHost, kPrivate, kPath } mode = Mode::kHost;
  std::string path;
  friend bool operator==(const Namespace&, const Namespace&) = default;
};

// A value that identifies the container, and how it was established: for explain and audit.
// Nothing that the workload's owner may write ever becomes a Fact.
struct Fact {
  std::string value;
  std::string established_by;  // for example: annotation io.kubernetes.pod.namespace, set by CRI-O
  friend bool operator==(const Fact&, const Fact&) = default;
};

// Kubernetes allows a key of 253 + 1 + 63 bytes and a value of 63.
inline constexpr size_t kLongestLabelKey = 317;
inline constexpr size_t kLongestLabelValue = 63;

// How Container::engine is established: never by what is in a container. "" for kUnknown.
const char* engine_established_by(Engine engine);

struct Identity {
  std::optional<Fact> kubernetes_namespace;
  std::optional<Fact> kubernetes_pod;
  std::optional<Fact> kubernetes_container;
  std::optional<Fact> kubernetes_uid;
  // Of the pod, by key: those that the NRI plugin hands on, which are those that policies name.
  std::vector<std::pair<std::string, Fact>> kubernetes_labels;
  std::optional<Fact> image;  // as it was asked for: a tag or a digest
  bool is_sandbox = false;    // a pod's pause container: left alone
  friend bool operator==(const Identity&, const Identity&) = default;
};

// One line of a user namespace's id map; ids at and above `container` map to those at `host`.
struct IdMapping {
  uint32_t container = 0;
  uint32_t host = 0;
  uint32_t size = 0;
};
using IdMap = std::vector<IdMapping>;  // empty: no user namespace, ids are the host's

struct ConfiguredMount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

// What the seccomp profile in config.json says to bpf(2).
enum class SeccompBpf { kNoProfile, kAllowed, kFiltered, kRefused };

struct Container {
  std::string id;
  std::string bundle;  // absolute
  std::string rootfs;  // absolute; may exist in the container's mount namespace only
  pid_t pid = 0;       // as the runtime sees it; 0 if there is no process (yet, or any more)

  Engine engine = Engine::kUnknown;
  Identity identity;
  std::vector<std::pair<std::string, std::string>> annotations;  // whoever starts the container

  uint32_t uid = 0;  // of the container's process, as the container sees it
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  IdMap uid_map;  // from config.json; the live process's map is the truth where there is one
  IdMap gid_map;

  std::array<Namespace, kNamespaceKinds> namespaces;
  std::vector<ConfiguredMount> mounts;
  std::string rootfs_propagation;
  // What the runtime covers, and makes read-only, after its createRuntime hooks: as they stand in
  // config.json.
  std::vector<std::string> masked_paths;
  std::vector<std::string> readonly_paths;
  SeccompBpf seccomp_bpf = SeccompBpf::kNoProfile;
  BpfCommands seccomp_commands = BpfCommands::all();  // that it lets through for certain
  uint64_t capabilities = 0;                          // of every set, a bit for each CAP_ number
  std::string apparmor_profile;
  std::string selinux_label;
};

inline const Namespace& namespace_of(const Container& container, NamespaceKind kind) {
  return container.namespaces[static_cast<size_t>(kind)];
}
inline Namespace& namespace_of(Container& container, NamespaceKind kind) {
  return container.namespaces[static_cast<size_t>(kind)];
}

// "podman" for kPodman; "" for kUnknown. And back; nothing for a name that is none.
const char* engine_name(Engine engine);
std::optional<Engine> engine_from_name(const std::string& name);

// Whether `id` may be a container's id: 1 to kLongestId bytes without a slash or a control
// character, not "." or "..". runc allows less, crun anything that is a file name; a container must
// not be held up for a name that its runtime accepted.
bool is_container_id(std::string_view id);
inline constexpr size_t kLongestId = 250;  // with ".json" behind it still a file name

// "user", "net", "pid", "ipc", "uts", "cgroup", "time", "mnt": the words of policies.
const char* namespace_name(NamespaceKind kind);

// The host's id for an id inside the container; nothing if it is not mapped.
std::optional<uint32_t> map_to_host(const IdMap& map, uint32_t id);

}  // namespace pinscope::model
