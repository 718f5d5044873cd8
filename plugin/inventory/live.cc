#include "plugin/inventory/live.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/mount/mountinfo.h"
#include "plugin/kernel/mount/namespaces.h"
#include "plugin/kernel/process/child.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/process/threads.h"
#include "plugin/kernel/sys.h"

namespace pinscope::inventory {
namespace {

Result<Fd> open_root(const model::Record& record) {
  return open_at(AT_FDCWD, "/proc/" + kernel::living_thread(record.given.pid) + "/root",
                 O_PATH | O_DIRECTORY);
}

// Of the namespace that its container has, or had if its first process went to another one.
uint64_t lasting_number_of(int proc, const model::Record& record) {
  const uint64_t number = kernel::lasting_number(
      proc, kernel::mount_namespace_of(record.given.pid, record.mount_namespace));
  return number != 0 ? number : record.mount_namespace;
}

constexpr std::chrono::milliseconds kShortestTimeout{100};
constexpr std::chrono::milliseconds kTimeout{3000};
// With others who look at the same containers.
constexpr std::chrono::milliseconds kForOthers{1000};
constexpr std::string_view kPresent = "present";
constexpr std::string_view kMissing = "missing";
constexpr std::string_view kValuesMissing = "values missing";

// Whether it is in one of the view's instances: a container that may mount can put a file of the
// same name in its place. Not known of records of earlier versions, nor in layout bind, whose pins
// are the host's.
bool is_of_view(const model::Record& record, const Fd& pin) {
  struct stat status {};
  if (::fstat(pin.get(), &status) != 0) return false;
  const auto is_bpffs = [](const model::ViewInstance& one) {
    return one.type == model::InstanceType::kBpf;
  };
  if (record.layout == model::Layout::kBind || std::ranges::none_of(record.instances, is_bpffs))
    return true;
  return std::ranges::any_of(record.instances, [&](const model::ViewInstance& one) {
    return is_bpffs(one) && ::makedev(one.device_major, one.device_minor) == status.st_dev;
  });
}

// Whether the values are where they were attached. Asks nothing that whoever serves them would have
// to answer.
bool are_values_there(const model::Record& record, const Fd& root) {
  const auto found =
      kernel::open_resolved(root.get(), *record.given.values_at, O_PATH | O_DIRECTORY,
                            RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  struct statx status {};
  constexpr int kNoQuestion = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
  if (!found || ::statx(found->get(), "", kNoQuestion, 0, &status) != 0) return false;
  return std::ranges::any_of(record.instances, [&](const model::ViewInstance& one) {
    return one.type == model::InstanceType::kFuse && one.device_major == status.stx_dev_major &&
           one.device_minor == status.stx_dev_minor;
  });
}

// Looks from the container's root. Everything there is the container's to change, so nothing is
// opened for more than its name, and no link leads out of its root. Gives one of the words above:
// the last only if nothing else is missing. Behind it, after a NUL each, are the names that are
// missing.
Result<std::string> look_at_view(const model::Record& record) {
  PINSCOPE_TRY(const Fd root, open_root(record));
  constexpr uint64_t kInside = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  constexpr uint64_t kBelow = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  // With delegation the grants have a place of their own, and the bpffs holds links to it.
  const bool delegates = record.given.delegation.has_value();
  const bool tokens_missing =
      delegates && !kernel::open_resolved(root.get(), record.at, O_PATH | O_DIRECTORY, kInside);
  const bool has_pins = std::ranges::any_of(
      record.given.pins, [](const auto& pin) { return pin.grant.pin && !pin.skipped; });
  const auto& place = delegates && has_pins ? record.given.delegation->grants_at : record.at;
  // With values alone, and where all sources were missing, there is no view.
  const bool is_expected =
      has_pins || delegates ||
      (!record.given.values_at && record.given.pins.empty() && record.followed.empty());
  const auto view = kernel::open_resolved(root.get(), place, O_PATH | O_DIRECTORY, kInside);
  std::string missing;
  for (const auto& pin : record.given.pins) {
    if (pin.skipped || !pin.grant.pin) continue;
    const auto shown = view ? kernel::open_resolved(view->get(), pin.grant.name, O_PATH, kBelow)
                            : Result<Fd>(Fd());
    if (!shown || !is_of_view(record, *shown)) missing += '\0' + pin.grant.name;
  }
  const bool present = (view || !is_expected) && missing.empty() && !tokens_missing;
  if (present && record.given.values_at && !are_values_there(record, root))
    return std::string(kValuesMissing);
  return std::string(present ? kPresent : kMissing) + missing;
}

// What the source opens with. Records of earlier versions say that a program was granted for
// reading.
model::Access access_to_look(const model::PinnedObject& pin) {
  switch (pin.object.kind) {
    case model::ObjectKind::kMap:
      break;
    case model::ObjectKind::kProgram:
      return model::Access::kUse;
    case model::ObjectKind::kLink:
      return model::Access::kReadWrite;
  }
  return pin.grant.access;
}

PinState look_at_source(kernel::SourceOpener& opener, const model::PinnedObject& pin) {
  PinState state;
  if (pin.skipped) {
    state.source = pin.waits() ? SourceState::kWaiting : SourceState::kSkipped;
    return state;
  }
  model::GrantedPin grant = pin.grant;
  grant.access = access_to_look(pin);
  const auto source = opener.open(grant);
  if (source) {
    state.source_object_id = source->info.id;
    const bool same = source->info.id == pin.object.id && source->info.kind == pin.object.kind;
    state.source = same ? SourceState::kCurrent : SourceState::kStale;
  } else if (source.error().code() == ErrorCode::kSourceMissing) {
    state.source = SourceState::kGone;
  } else if (source.error().code() == ErrorCode::kSourceMismatch ||
             source.error().code() == ErrorCode::kAccessUnsupported) {
    state.source = SourceState::kStale;
    state.problem = source.error().sentence();
  } else {
    state.problem = source.error().sentence();
  }
  return state;
}

// An anonymous device number is one superblock's for as long as it is mounted; the type tells one
// that got the number later.
SealState look_at_seal(const std::vector<kernel::Superblock>& superblocks,
                       const model::ViewInstance& instance) {
  const auto found = std::ranges::find_if(superblocks, [&](const kernel::Superblock& one) {
    return one.device_major == instance.device_major && one.device_minor == instance.device_minor &&
           one.type == model::file_system_of(instance.type);
  });
  if (found == superblocks.end()) return SealState::kUnknown;
  return found->read_only ? SealState::kIntact : SealState::kBroken;
}

// For one container, which leaves the other half to those behind it.
std::chrono::milliseconds timeout_until(Examiner::Time until) {
  const auto now = std::chrono::steady_clock::now();
  if (until == Examiner::Time::max()) return kTimeout;
  return std::clamp(std::chrono::ceil<std::chrono::milliseconds>((until - now) / 2),
                    kShortestTimeout, kTimeout);
}

bool is_there(const model::Record& record, const Live& live) {
  return live.process == ProcessState::kRunning && record.state == model::Record::State::kApplied;
}

// What look_at_view() gave.
void take_look(const std::string& look, Live& live) {
  const auto words = split(look, '\0');
  live.view = words.front() == kPresent ? ViewState::kPresent : ViewState::kMissing;
  live.values_missing = words.front() == kValuesMissing;
  for (size_t i = 1; i < words.size(); ++i) live.missing_names.emplace_back(words[i]);
}

std::vector<std::optional<SealState>> look_at_seals(const model::Record& record, bool is_there) {
  std::vector<kernel::Superblock> superblocks;
  if (is_there)
    if (auto read = kernel::read_superblocks("/proc/" + kernel::living_thread(record.given.pid)))
      superblocks = *std::move(read);
  std::vector<std::optional<SealState>> seals;
  for (const auto& instance : record.instances) {
    auto& seal = seals.emplace_back();
    if (instance.sealed) seal = look_at_seal(superblocks, instance);
  }
  return seals;
}

}  // namespace

bool Live::seal_is_broken() const {
  return std::ranges::find(seals, std::optional(SealState::kBroken)) != seals.end();
}

bool Live::values_unserved() const {
  return serving && *serving != ServingState::kServed;
}

size_t Live::stale_count() const {
  return static_cast<size_t>(std::count_if(pins.begin(), pins.end(), [](const PinState& pin) {
    return pin.source == SourceState::kStale || pin.source == SourceState::kGone;
  }));
}

size_t Live::waiting_count() const {
  return static_cast<size_t>(std::ranges::count(pins, SourceState::kWaiting, &PinState::source));
}

const char* name_of(ProcessState state) {
  switch (state) {
    case ProcessState::kRunning:
      return "running";
    case ProcessState::kGone:
      return "gone";
  }
  return "";
}

const char* name_of(ViewState state) {
  switch (state) {
    case ViewState::kPresent:
      return "present";
    case ViewState::kMissing:
      return "missing";
    case ViewState::kUnknown:
      return "unknown";
  }
  return "";
}

const char* name_of(SourceState state) {
  switch (state) {
    case SourceState::kCurrent:
      return "current";
    case SourceState::kStale:
      return "stale";
    case SourceState::kGone:
      return "source gone";
    case SourceState::kSkipped:
      return "skipped";
    case SourceState::kWaiting:
      return "waiting";
    case SourceState::kUnknown:
      return "unknown";
  }
  return "";
}

const char* name_of(SealState state) {
  switch (state) {
    case SealState::kIntact:
      return "intact";
    case SealState::kBroken:
      return "broken";
    case SealState::kUnknown:
      return "unknown";
  }
  return "";
}

const char* name_of(ServingState state) {
  switch (state) {
    case ServingState::kServed:
      return "served";
    case ServingState::kWaiting:
      return "waiting";
    case ServingState::kLost:
      return "lost";
  }
  return "";
}

std::string summary(const model::Record& record, const Live& live) {
  if (live.process == ProcessState::kGone) return "gone";
  if (record.state == model::Record::State::kIntended) return "incomplete";
  if (live.process == ProcessState::kRunning && live.view == ViewState::kMissing)
    return "view missing";
  if (live.process == ProcessState::kRunning && live.view == ViewState::kUnknown)
    return "view not seen";
  if (live.seal_is_broken()) return "seal broken";
  if (live.values_unserved()) return "values unserved";
  return name_of(live.process);
}

// Not asked by its root: a process whose first thread has ended has none there, and runs on.
ProcessState process_of(const model::Record& record) {
  const bool is_gone = record.given.pid <= 0 || record.process_start == 0 ||
                       kernel::has_ended(record.given.pid, record.process_start);
  return is_gone ? ProcessState::kGone : ProcessState::kRunning;
}

ProcessState process_of(const record::Trace& trace) {
  if (!kernel::has_ended(trace.pid, trace.process_start)) return ProcessState::kRunning;
  const auto proc = open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
  const auto names = proc ? names_in(proc->get(), "/proc") : Result<std::vector<std::string>>();
  if (!names || names->empty()) return ProcessState::kRunning;
  for (const auto& name : *names) {
    struct stat status {};
    const auto pid = parse_unsigned(name);
    if (pid &&
        ::fstatat(proc->get(),
                  (kernel::living_thread(static_cast<pid_t>(*pid)) + "/ns/mnt").c_str(), &status,
                  0) == 0 &&
        status.st_ino == trace.mount_namespace)
      return ProcessState::kRunning;
  }
  return ProcessState::kGone;
}

Result<Examiner> Examiner::open(const std::string& state_directory) {
  PINSCOPE_TRY(Fd proc_self_fd, open_at(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY));
  return Examiner(std::move(proc_self_fd), record::LookLocks(state_directory));
}

Live Examiner::examine(const model::Record& record) const {
  return std::move(examine_all({&record, 1}).lives.front());
}

// Views in a child, because a container can lead the way to its view through a file system that
// never answers. Sources are looked at meanwhile, in the same order, so that those before the end
// of the time are whole.
Examiner::Looks Examiner::examine_all(std::span<const model::Record> records, Time until) const {
  Looks looks;
  looks.lives.resize(records.size());
  std::vector<size_t> there;  // whose view can be there
  for (size_t i = 0; i < records.size(); ++i) {
    looks.lives[i].process = process_of(records[i]);
    if (is_there(records[i], looks.lives[i])) there.push_back(i);
  }
  const auto is_over = [&] { return std::chrono::steady_clock::now() >= until; };
  kernel::SourceOpener opener(proc_self_fd_.get(), kernel::accept_unchecked);
  size_t next = 0;  // of those that are looked at here
  const auto look_at_rest_up_to = [&](size_t end) {
    for (; next < end; ++next) {
      Live& live = looks.lives[next];
      const auto& pins = records[next].given.pins;
      live.pins.resize(pins.size());
      live.seals.resize(records[next].instances.size());
      if (is_over()) {
        ++looks.left_over;
        continue;
      }
      live.seals = look_at_seals(records[next], is_there(records[next], live));
      for (size_t i = 0; i < pins.size(); ++i) live.pins[i] = look_at_source(opener, pins[i]);
    }
  };
  // Without it namespaces have the numbers of their records.
  const Fd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto for_others = kForOthers;  // of each child
  kernel::run_each_in_child(
      there.size(),
      [&](size_t i) -> Result<std::string> {
        if (is_over()) return std::unexpected(Error(ErrorCode::kSystem, "look at a view"));
        const auto& record = records[there[i]];
        PINSCOPE_TRY(const Fd lock, locks_.lock(lasting_number_of(proc.get(), record), for_others));
        return look_at_view(record);
      },
      [&](size_t i, const Result<std::string>& look) {
        if (look) take_look(*look, looks.lives[there[i]]);
        look_at_rest_up_to(there[i] + 1);
      },
      timeout_until(until));
  look_at_rest_up_to(records.size());
  return looks;
}

}  // namespace pinscope::inventory
