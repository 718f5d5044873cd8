// What a look at the machine means: whose each thing is, by Pinscope's records, and what somebody
// should look at. Pure.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "plugin/inventory/machine/machine.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/model/record.h"

namespace pinscope::inventory {

std::string text_of(const model::ObjectInfo& info);  // "map 12 (flows)"
std::string text_of(const Space& space);             // "container web", "systemd (pid 1)"
// "systemd (pid 1)": the name that a process has chosen is in quotes unless it is one plain word,
// because "container web" can be chosen as well.
std::string process_text(const std::string& command, pid_t pid);
std::string device_text(const Instance& instance);  // "0:57", as mountinfo writes the device
const char* name_of(Instance::Origin origin);       // "host", "view", "stranger"

// The place at which a mount shows a pin of its instance; empty if it does not show it.
std::string place_of(const kernel::BpffsMount& mount, const std::string& pin);

struct KnownContainer {
  model::Record record;
  bool is_running = false;
};

// Fills in Space::runtime_id: whose first process it is that is in the namespace.
void name_containers(Machine& machine, const RuntimeStates& runtimes);

// Fills in what records and the attributes of pins say (Space::container, Instance::Origin::kView,
// InstanceMount::is_later, Pin::grant), and which objects are orphans and duplicates.
void judge(Machine& machine, const std::vector<KnownContainer>& containers);

// Something that somebody should look at.
struct Notice {
  enum class Kind {
    kExposed,     // a bpffs of the host is mounted in a container
    kLater,       // a bpffs was mounted in a container after its view
    kStranger,    // a bpffs that is neither the host's nor a view
    kStale,       // a container has an object that its source names no more
    kOrphan,      // an object that nothing leads to
    kDuplicate,   // an object in several instances, not all of which are explained by grants
    kLeftover,    // a record of a container whose process has ended
    kUnrecorded,  // a view whose record is gone, as the attributes of its pins say
  } kind = Kind::kStranger;
  std::string subject;  // "container web", "map 12 (flows)"
  std::string text;     // what is the matter, as a clause
};
inline constexpr size_t kNoticeKinds = static_cast<size_t>(Notice::Kind::kUnrecorded) + 1;
const char* name_of(Notice::Kind kind);  // "exposed", "later mount", …

// In the order of the kinds above.
std::vector<Notice> notices_of(const Machine& machine,
                               const std::vector<KnownContainer>& containers);

}  // namespace pinscope::inventory
