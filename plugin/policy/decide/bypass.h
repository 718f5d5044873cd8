// Finds what makes a view void: the ways by which a container gets at the objects of the machine,
// or at what decides about them, past its view. One judgement for the hook, which notes and
// refuses, and for explain. Pure. docs/threat-model.md has the facts behind each.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/bypass.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/policy/decide/reach.h"

namespace pinscope::policy {

// What has to be asked of the host.
struct Surroundings {
  bool shares_user_namespace = true;  // with the host, both
  bool shares_pid_namespace = true;
  // Where the host has a bpffs mounted. Empty for who looks at the container's mounts themselves.
  std::vector<std::string> bpffs;
  // Whether `below` is on another mount of the host's than the directory `above` it; unset: it may
  // be.
  using Mounts = std::function<bool(const std::string& above, const std::string& below)>;
  Mounts is_on_another_mount = {};
};

// A place of Pinscope's own files. `what_it_gives`: the end of a sentence.
struct OwnFiles {
  const char* directory;
  const char* what_it_gives;
};

struct FoundBypass {
  model::Bypass bypass = {};
  // The index of the container's mount (kHostBpffs, kHostProc, kOwnFiles) or of the decision's
  // grant (kCapBpfPrograms) that it is about.
  size_t item = 0;
  // Of kOwnFiles: which they are.
  const OwnFiles* files = nullptr;
  friend bool operator==(const FoundBypass&, const FoundBypass&) = default;
};

// Of a container that no policy selects, only what decides for others: kHostBpffs and kOwnFiles.
// `objects`: what is known of those of the grants, in their order.
std::vector<FoundBypass> find_bypasses(const model::Decision& decision,
                                       const model::Container& container,
                                       const Surroundings& around, const KnownObjects& objects);

// Each kind once, in the order of the enumeration.
std::vector<model::Bypass> kinds_of(const std::vector<FoundBypass>& found);

// Whether this mount of the container shows a bpffs that is at one of `places` on the host: itself,
// a part of it, or a tree that has it inside.
bool shows_bpffs(const model::ConfiguredMount& mount, const std::vector<std::string>& places);
// The place of Pinscope's own files that this mount of the container makes writable for it; null if
// there is none.
const OwnFiles* writable_own_files(const model::ConfiguredMount& mount,
                                   const Surroundings& around = {});

// kVoidView, naming all of them: a policy rejects a container with any.
Status check_void(const model::Decision& decision, const std::vector<model::Bypass>& bypasses);

}  // namespace pinscope::policy
