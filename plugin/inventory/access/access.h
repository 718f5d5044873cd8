// Who can read and who can write an object, and by which ways: what a look at a machine says of it.
// Pure; docs/threat-model.md has the facts behind each way.
//
// Of a map, to read and to write are what bpf(2) or a program does to its elements. A program is
// used or not, and a link detached or replaced or not: both answers are the same then, but for an
// iterator, whose pin is read as a file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugin/inventory/access/parties.h"
#include "plugin/inventory/access/permission.h"
#include "plugin/inventory/machine/judge.h"
#include "plugin/inventory/machine/machine.h"
#include "plugin/kernel/bpf/map_limits.h"
#include "plugin/model/bypass.h"
#include "plugin/model/decision.h"
#include "plugin/model/exception.h"

namespace pinscope::inventory {

struct Way {
  enum class Kind {
    kGrant,         // a rule of a policy
    kBrokenSeal,    // a rule granted reading, and the file system is writable again
    kValues,        // a rule shows its entries as files: to read, and nothing else
    kPin,           // a pin in a bpffs that the container sees, and no rule
    kDescriptor,    // a process has it open
    kById,          // CAP_SYS_ADMIN without a user namespace
    kPinsAgain,     // it can be read, and pinned where the new pin opens for writing
    kOwnPrograms,   // it can be opened, and a program of their own does the rest
    kKernelMemory,  // a program of their own reads the memory of the kernel
    kBypass,        // another way past a view: `bypass`
    kProgram,       // a program that has the map
    kHostRoot,      // root of the host
  } kind = Kind::kGrant;
  Answer reads = Answer::kNo;
  Answer writes = Answer::kNo;
  std::string text;  // which: "/sys/fs/bpf/flows of the host's bpffs, 0:0 0600"; one line
  std::optional<model::Rule> rule;
  std::optional<model::Bypass> bypass;
  pid_t pid = 0;  // where it is one process of several that has this way
  std::optional<model::Exception> exception = {};  // the rule is this one's, and no policy's
};
// The code, for programs: "grant", "broken-seal", …
const char* name_of(Way::Kind kind);

// Somebody, with all ways that are open to them; for nobody who has none.
struct Accessor {
  enum class Kind { kHost, kContainer, kProcess, kProgram } kind = Kind::kContainer;
  Space space;           // of a container, which may have no record
  pid_t pid = 0;         // of a process of the host that holds the object
  std::string command;   // of that process
  uint32_t program = 0;  // the id of a program that has the map
  Answer reads = Answer::kNo;
  Answer writes = Answer::kNo;
  std::vector<Way> ways;
  // Ways that would be there, and what closes them: for who asks why not.
  std::vector<std::string> closed;
  // Why an answer is kMay, each a clause.
  std::vector<std::string> doubts = {};
  bool sees_pin = false;    // one of its mounts shows a pin of the object
  bool holds = false;       // a process of it has the object open
  bool is_capable = false;  // a process of it has CAP_SYS_ADMIN or CAP_BPF, or may get it

  // What it lacks, for an answer of kNo: the ways that it does not even begin.
  [[nodiscard]] std::vector<std::string> lacks(bool to_read) const;
};

struct ObjectAccess {
  std::vector<Accessor> who;        // the host, containers, processes, programs
  std::vector<std::string> limits;  // what the object's own flags close, for everybody
};

class AccessJudge {
 public:
  // `machine` has been judged; it, and the containers, outlive this.
  AccessJudge(const Machine& machine, const std::vector<KnownContainer>& containers,
              std::vector<Party> parties);

  // `object` is a place in Machine::objects. Limits that are not known make no answer smaller than
  // kMay.
  [[nodiscard]] ObjectAccess of(size_t object, const kernel::MapLimits& limits) const;
  // Of one party, by its place in parties().
  [[nodiscard]] Accessor of(size_t object, size_t party, const kernel::MapLimits& limits) const;

  [[nodiscard]] const std::vector<Party>& parties() const { return parties_; }

 private:
  void add_what_was_not_seen(size_t party, Accessor& accessor) const;
  [[nodiscard]] std::vector<size_t> candidates(const Object& object) const;
  void add_readers_of_values(const Object& object, std::vector<size_t>& found) const;
  void add_candidates(const Object& object, std::vector<size_t>& found) const;

  const Machine& machine_;
  const std::vector<KnownContainer>& containers_;
  std::vector<Party> parties_;
  std::vector<const model::Record*> records_;  // of each party; null: none
  using Mounts = std::vector<const InstanceMount*>;
  std::vector<Mounts> mounts_;                                   // of each instance
  std::vector<Mounts> mounts_of_parties_;                        // of each party
  std::vector<std::optional<size_t>> parties_of_spaces_;         // by Machine::spaces
  std::unordered_multimap<pid_t, size_t> parties_of_processes_;  // a thread may be elsewhere
  std::vector<size_t> reach_everything_;  // parties that do, whatever the object
};

}  // namespace pinscope::inventory
