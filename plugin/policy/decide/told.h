// Judging policies by a description of a container that says a part of it: for whoever asks about
// a container that does not exist. Pure.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/host_view.h"

namespace pinscope::policy {

// What is told of a container beside what shows in it: there, 0 and the host's namespace stand for
// nothing as well. An engine, a fact, a label, a bundle and an annotation are told if they are
// there, and the facts of an engine that establishes none are known to be absent.
struct Told {
  bool uid = false;
  bool gid = false;
  std::array<bool, model::kNamespaceKinds> namespaces{};
  bool no_facts = false;  // its engine establishes none: see oci::establishes_facts
  // The facts, labels and annotations that are not told are not there.
  bool rest_is_absent = false;
};

// What a policy does with such a container: what holds whatever the rest may be, or that it
// depends.
struct Judgement {
  enum class Selection { kSelects, kDoesNot, kDepends } selection = Selection::kDoesNot;
  std::string why;  // kDoesNot: as selects() has it; kDepends: the keys that it depends on
};
Judgement judge(const model::Policy& policy, const model::Container& container, const Told& told,
                const HostView& host);

}  // namespace pinscope::policy
