// The machine that the benchmark runs on: a private mount namespace with a bpffs of pinned maps,
// and below one directory everything a scenario needs on disk. Destroying it leaves nothing behind.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::bench {

inline constexpr const char* kPins = "/sys/fs/bpf/bench";
inline constexpr const char* kEngine = "containerd";

// "m0007": the name of a pin, in the host's tree and in the view.
std::string pin_name(int index);

// One set of policies, and the bundle of a container that they are asked about.
struct Site {
  std::string policies;  // directory; with `absent` it is not there
  std::string cache;
  std::string state;
  std::string audit;
  std::string floor_audit;  // its filler is no trail that a hook could go on from
  std::string bundle;
};

// What the policies of a site say.
struct PolicySet {
  int grants = 0;       // that the container gets, in `rules` or fewer policies
  int rules = 1;        // policies, one for each of that many Kubernetes namespaces
  bool absent = false;  // no policy directory at all
};

// How many files hold it; they are called policies-0.yaml and so on.
int files_of(const PolicySet& set);

class Fixture {
 public:
  // In a private machine (tests/support/machine/private_machine.h), whose /sys/fs/bpf gets `pins`
  // maps.
  static Result<Fixture> make(int pins);
  Fixture(Fixture&&) = default;
  Fixture& operator=(Fixture&&) = delete;
  ~Fixture();

  // The directory that holds all of it; a site's own is below.
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string rootfs() const { return directory_ + "/rootfs"; }
  // Copies what is measured out of the build directory `programs`, as an installation does, and
  // returns where it is. What the linker wrote, page by page, is in the page cache in small pieces,
  // and starts slower: that is a fact of the build, not of the program.
  [[nodiscard]] Result<std::string> install(const std::string& programs) const;
  [[nodiscard]] Result<Site> make_site(const std::string& name, const PolicySet& set) const;

 private:
  explicit Fixture(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;
};

// A hook as config.json names it.
struct ConfiguredHook {
  std::string stage;
  std::vector<std::string> arguments;  // the first is the program
};

// A config.json as containerd's CRI plugin writes one: its namespaces, mounts, annotations and,
// with `seccomp`, a profile of the usual length.
std::string config_json(const std::string& rootfs, bool seccomp,
                        const std::vector<ConfiguredHook>& hooks);

// The state JSON that goes with it.
std::string state_json(const std::string& id, pid_t pid, const std::string& bundle);

// As if no container had ever been started.
void remove_records(const Site& site);

}  // namespace pinscope::bench
