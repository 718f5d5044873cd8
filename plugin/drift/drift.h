// What runs compared with what the policies would give it now. The comparison is pure; look.h reads
// the machine for it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "plugin/inventory/live.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/model/record.h"
#include "plugin/pipeline/change/decide_again.h"

namespace pinscope::drift {

// In the order in which people should see them.
enum class Kind {
  kExtra,        // it has a grant that no policy gives it now
  kWider,        // it can do more than the policies say now
  kUnselected,   // it has a view, and no policy selects it now
  kSealBroken,   // what was granted for reading can be written
  kLaterMount,   // a bpffs was mounted in it after its view
  kViewMissing,  // the view, or a part of it, is not there any more
  kMissing,      // the policies give it a grant that it does not have
  kNarrower,     // it can do less than the policies say now
  kChanged,      // the same rights in another way: name, owner, place, layout
  kStale,        // a source was replaced: it has the old object
  kSourceGone,   // a source was removed: it keeps the object
  kRefused,      // it would not start now
  kNoView,       // a policy selects it, and it has no view
  kUnserved,     // nobody answers who reads its values
  kIncomplete,   // its hook did not finish
  kLastGood,     // the policy files have errors, and an older set is in force
  kLeftover,     // a record or a file of a container that has ended
  kDamaged,      // a record that cannot be read
  kUnknown,      // it could not be looked at
};
inline constexpr size_t kKinds = static_cast<size_t>(Kind::kUnknown) + 1;

// "extra", "wider", "unselected", …: the words of every output.
const char* name_of(Kind kind);
// What to do about it, as a sentence without a full stop.
const char* way_out_of(Kind kind);

// kCritical: something can do more than the policies say, or what holds a view is broken. kUnknown:
// nobody can tell.
enum class Level { kCritical, kWarning, kUnknown };
Level level_of(Kind kind);
const char* name_of(Level level);

// The container or session that an entry is about.
struct Subject {
  std::string id;
  model::Engine engine = model::Engine::kUnknown;
  pid_t pid = 0;
  std::string bundle;
  friend bool operator==(const Subject&, const Subject&) = default;
};

struct Entry {
  Kind kind = Kind::kUnknown;
  std::optional<Subject> subject;   // nothing: it is about the policies or a file
  std::string text;                 // what differs, as a clause; names in it are escaped
  std::optional<model::Rule> rule;  // that gave it, or that would give it now
  // Of a grant: as it was given, and as it would be given now.
  std::optional<model::GrantedPin> given = {};
  std::optional<model::GrantedPin> now = {};
  bool of_values = false;  // it is the values that are missing, or that nobody serves any more
};

// A grant whose source the view of a container waits for (`missing: wait`).
struct Waiting {
  Subject subject;
  std::string name;  // in the view, once it is there
  std::string source;
  model::Rule rule;
  friend bool operator==(const Waiting&, const Waiting&) = default;
};

// A container that runs and has a record.
struct Running {
  model::Record record;
  inventory::Live live;
  // The bpffs that are mounted in its namespace; nothing if they could not be listed.
  std::optional<std::vector<kernel::BpffsMount>> mounts;
  Restart restart;
};
// By kind; nothing if it is what the policies say. Rules alone may be others.
std::vector<Entry> compare(const Running& container);
// What its view waits for, and would wait for if it were started now. That is no drift.
std::vector<Waiting> waiting_of(const Running& container);

// A container that runs without a record. `has_hook`: its configuration runs the hook, which left
// it alone when it started.
std::optional<Entry> compare_without_view(const Subject& subject, bool has_hook,
                                          const Restart& restart);

// Whether it is about a container that runs and is not what the policies say; no leftover, and
// nothing that could not be looked at.
bool is_of_drifted(const Entry& entry);

// What somebody made beside the policies: it counts among what a container is to have, and is told
// where drift is.
struct Excepted {
  Subject subject;
  model::Exception exception;
  bool in_force = true;  // it has run out, and is not undone yet: then it is drift as well
};

struct Drift {
  std::vector<Entry> entries;  // by kind
  std::vector<Waiting> waiting = {};
  std::vector<Excepted> exceptions = {};
  size_t containers = 0;  // that run, sessions among them
  size_t left_over = 0;   // of these, those for which there was no time (Places::until)

  // How many entries there are of each kind.
  [[nodiscard]] std::array<size_t, kKinds> counts() const;
  // How many containers have an entry that is_of_drifted().
  [[nodiscard]] size_t drifted() const;
  // Whether anything differs from what the policies say.
  [[nodiscard]] bool found() const;
};

}  // namespace pinscope::drift
