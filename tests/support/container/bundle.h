// An OCI bundle for a test container: config.json as a value with knobs. The defaults are those of
// an ordinary unprivileged container: Docker's capabilities, its namespaces, a read-only /sys.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pinscope::test {

struct BundleMount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

struct BundleHook {
  std::string path;
  std::vector<std::string> args;  // with argv[0]
  std::vector<std::string> env;
  int timeout = 0;  // seconds; 0: none
};

struct BundleIdMapping {
  uint32_t container = 0;
  uint32_t host = 0;
  uint32_t size = 0;
};

struct BundleDevice {
  std::string path;
  char type = 'c';
  int64_t major = 0;
  int64_t minor = 0;
};

struct SeccompArgument {
  uint32_t index = 0;
  uint64_t value = 0;
  std::string op = "SCMP_CMP_EQ";
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;  // SCMP_ACT_ERRNO
  std::vector<SeccompArgument> args;
};

struct BundleSpec {
  std::vector<std::string> args;  // of the container's process
  std::vector<std::string> env = {"PATH=/bin:/"};
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;
  std::vector<std::string> capabilities = default_capabilities();
  // By set ("bounding", "ambient"): what it holds beside `capabilities`.
  std::map<std::string, std::vector<std::string>> more_capabilities;
  bool no_new_privileges = false;

  // Relative to the bundle, or absolute.
  std::string root_path = "rootfs";
  bool readonly_rootfs = false;
  // Mount an overlay file system at the root, as engines do; its lower layer holds the image.
  bool overlay_rootfs = false;
  std::string rootfs_propagation;

  std::vector<BundleMount> mounts = default_mounts();
  // Kind, as config.json spells it ("network"), and path of one to join; "": a new one.
  std::map<std::string, std::string> namespaces = {
      {"mount", ""}, {"pid", ""}, {"ipc", ""}, {"uts", ""}, {"network", ""}};
  std::vector<BundleIdMapping> uid_map;  // a user namespace if not empty
  std::vector<BundleIdMapping> gid_map;
  std::string cgroups_path;  // "": the runtime makes it of the id
  std::vector<BundleDevice> devices;
  std::vector<std::string> readonly_paths;
  std::vector<std::string> masked_paths;

  std::map<std::string, std::string> annotations;
  std::map<std::string, std::vector<BundleHook>> hooks;  // by hook stage
  std::string seccomp_default;                           // SCMP_ACT_ALLOW; "": no profile
  uint32_t seccomp_errno = 0;                            // of the default action; 0: not said
  std::vector<SeccompRule> seccomp;

  static std::vector<std::string> default_capabilities();
  static std::vector<std::string> all_capabilities();
  static std::vector<BundleMount> default_mounts();

  // Container root is host id 100000, 65536 ids.
  BundleSpec& with_user_namespace(uint32_t host = 100000);
  BundleSpec& without_mount(const std::string& destination);
};

std::string to_config_json(const BundleSpec& spec);

}  // namespace pinscope::test
