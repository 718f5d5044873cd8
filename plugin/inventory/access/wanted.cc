// The words of question.h.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/inventory/access/question.h"
#include "plugin/inventory/find_container.h"
#include "plugin/inventory/live.h"
#include "plugin/inventory/runtime_states.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/bpf/objects.h"
#include "plugin/kernel/mount/machine.h"
#include "plugin/kernel/process/process.h"
#include "plugin/kernel/sys.h"
#include "plugin/record/store.h"

namespace pinscope::inventory {
namespace {

using model::ObjectIdentity;
using model::ObjectKind;

constexpr std::array kKinds = {ObjectKind::kMap, ObjectKind::kProgram, ObjectKind::kLink};

struct Prefix {
  std::string_view word;
  ObjectKind kind;
};
// The first of each kind is what we write.
constexpr std::array kPrefixes = {
    Prefix{"map", ObjectKind::kMap}, Prefix{"prog", ObjectKind::kProgram},
    Prefix{"link", ObjectKind::kLink}, Prefix{"program", ObjectKind::kProgram}};

Error not_found(const std::string& word, std::string reason) {
  return Error(ErrorCode::kSourceMissing, "find the object " + quoted(word))
      .reason(std::move(reason));
}

struct Candidate {
  ObjectIdentity object;
  std::string place;  // of a pin; empty: none
};

// The only one of several, each once. `several`: what they have in common, for an error.
Result<ObjectIdentity> only_one(const std::string& word, std::vector<Candidate> found,
                                const std::string& where, const char* several) {
  constexpr size_t kMaxShown = 8;
  const auto is_before = [](const Candidate& one, const Candidate& other) {
    return std::tuple(one.object.kind, one.object.id, one.place.empty()) <
           std::tuple(other.object.kind, other.object.id, other.place.empty());
  };
  std::ranges::stable_sort(found, is_before);
  const auto same = std::ranges::unique(found, {}, &Candidate::object);
  found.erase(same.begin(), same.end());
  if (found.size() == 1) return found.front().object;
  if (found.empty()) return std::unexpected(not_found(word, "there is none " + where));
  std::vector<std::string> words;
  for (size_t i = 0; i < std::min(found.size(), kMaxShown); ++i)
    words.push_back(word_of(found[i].object) + found[i].place);
  if (found.size() > kMaxShown)
    words.push_back("and " + std::to_string(found.size() - kMaxShown) + " more");
  return std::unexpected(not_found(word, std::string(several) + ": " + joined(words, ", "))
                             .hint("name one of these instead"));
}

std::vector<Candidate> with_number(unsigned long long number) {
  std::vector<Candidate> found;
  for (const auto kind : kKinds) {
    const ObjectIdentity one{kind, static_cast<uint32_t>(number)};
    if (number <= UINT32_MAX && kernel::find_object(one)) found.push_back({one, ""});
  }
  return found;
}

Result<ObjectIdentity> by_id(const std::string& word, unsigned long long number) {
  return only_one(word, with_number(number), "with this id", "several have this id");
}

// "map:12", of this kind alone.
Result<ObjectIdentity> by_kind(const std::string& word, ObjectKind kind,
                               unsigned long long number) {
  const auto found = with_number(number);
  for (const auto& one : found)
    if (one.object.kind == kind) return one.object;
  auto error = not_found(word, "there is none with this id");
  if (!found.empty())
    error = std::move(error).hint("a " + std::string(model::name_of(found.front().object.kind)) +
                                  " has it: " + word_of(found.front().object));
  return std::unexpected(std::move(error));
}

// Why a path cannot be opened as a pin: what is there says more than the kernel's error does.
Error no_pin(const kernel::MachineRoot& root, const std::string& path, int errnum) {
  const std::string what = "open the pin " + quoted(path);
  const auto file = open_at(root.directory(), root.path(path), O_PATH);
  struct stat status {};
  struct statfs file_system {};
  if (file && ::fstat(file->get(), &status) == 0 && S_ISDIR(status.st_mode))
    return Error(ErrorCode::kSourceMissing, what)
        .reason("it is a directory")
        .hint("name a pin in it");
  if (file && ::fstatfs(file->get(), &file_system) == 0 && file_system.f_type != BPF_FS_MAGIC)
    return Error(ErrorCode::kSourceMissing, what).reason("it is no pin, because it is in no bpffs");
  return Error::system(what, errnum, ErrorCode::kSourceMissing)
      .hint("a pin in a container is CONTAINER:NAME");
}

Result<ObjectIdentity> by_path(const std::string& path) {
  PINSCOPE_TRY(const auto root, kernel::MachineRoot::find());
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  const bool by_path_fd = kernel::has_path_fd();
  const std::string from_root = root.path(path);
  auto opened = kernel::get_object_at(root.directory(), from_root, true, by_path_fd);
  // A link opens for both alone.
  if (!opened && opened.error().errnum() == EINVAL)
    opened = kernel::get_object_at(root.directory(), from_root, false, by_path_fd);
  if (!opened) return std::unexpected(no_pin(root, path, opened.error().errnum()));
  PINSCOPE_TRY(const auto info, kernel::object_info(opened->get(), descriptors.get()));
  return ObjectIdentity{info.kind, info.id};
}

std::string_view last_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// Where the host sees it: the first place, for people.
std::string place_on_host(const Machine& machine, size_t pin) {
  for (const auto& mount : machine.mounts)
    if (machine.spaces[mount.space].is_host && mount.instance == machine.pins[pin].instance)
      if (auto place = place_of(mount.mount, machine.pins[pin].pin.path); !place.empty())
        return " (" + one_line(place) + ")";
  return "";
}

Result<ObjectIdentity> by_name(const std::string& word) {
  PINSCOPE_TRY(const auto machine, look_at_machine({.space = number_of_host()}));
  std::vector<Candidate> found;
  for (const auto& object : machine.objects) {
    if (object.info.name != word) continue;
    const std::string place =
        object.pins.empty() ? " (no pin)" : place_on_host(machine, object.pins.front());
    found.push_back({{object.info.kind, object.info.id}, place});
  }
  for (size_t i = 0; i < machine.pins.size(); ++i)
    if (const auto& pin = machine.pins[i].pin; pin.error == 0 && last_of(pin.path) == word)
      found.push_back({pin.object, place_on_host(machine, i)});
  return only_one(word, std::move(found), "with this name, and no pin of the host has it",
                  "several are called that");
}

// By its path in the container, or by the end of that.
bool is_called(const std::string& place, const std::string& name) {
  return place == name || (!name.starts_with('/') && place.ends_with("/" + name));
}

// The maps whose entries a container has as files under this name; those that it has as a pin are
// among them.
std::vector<Candidate> shown_as_values(const Whom& whom, const std::string& name,
                                       const std::string& state_directory) {
  std::vector<Candidate> found;
  const auto store = record::Store::open(state_directory, false);
  const auto of_id = store ? store->find(whom.id) : Result<record::Store::OfId>();
  if (!of_id) return found;
  for (const auto& [record, held] : of_id->found) {
    const auto& values_at = record.given.values_at;
    if (!values_at || record.given.pid != whom.pid) continue;
    for (const auto& pin : record.given.pins) {
      if (!pin.grant.values || pin.skipped) continue;
      const std::string place = *values_at + "/" + pin.grant.name;
      if (is_called(place, name))
        found.push_back({pin.object.identity(), " (" + one_line(place) + ")"});
    }
  }
  return found;
}

// A pin, or the directory of a map's values.
Result<ObjectIdentity> in_container(const std::string& word, const Whom& whom,
                                    const std::string& name, const std::string& state_directory) {
  PINSCOPE_TRY(const auto machine,
               look_at_machine({.space = whom.space, .state_directory = state_directory}));
  auto found = shown_as_values(whom, name, state_directory);
  for (const auto& mount : machine.mounts) {
    if (machine.spaces[mount.space].number != whom.space) continue;
    for (const auto& pin : machine.pins) {
      if (pin.instance != mount.instance || pin.pin.error != 0) continue;
      const std::string place = place_of(mount.mount, pin.pin.path);
      if (is_called(place, name)) found.push_back({pin.pin.object, " (" + one_line(place) + ")"});
    }
  }
  return only_one(word, std::move(found), "under this name in " + whom.title,
                  "several are called that");
}

// The number of the process's mount namespace; kHostNamespace if that is the host's.
Result<Whom> with_space(Whom whom) {
  PINSCOPE_TRY(const auto process, kernel::ContainerProcess::open(whom.pid));
  whom.space = process.mount_namespace();
  if (whom.space != number_of_host()) return whom;
  return std::unexpected(Error(ErrorCode::kHostNamespace, "look at " + whom.title)
                             .reason("it has the mount namespace of the host, where root opens "
                                     "everything and others what modes allow"));
}

// The process of a container: as the record has it, or else a runtime.
Result<Whom> of_container(const FoundContainer& container, const std::string& state_directory) {
  Whom whom{container.id, title_of(container), container.bundle};
  whom.name = container.name;
  whom.engine = container.engine;
  const auto store = record::Store::open(state_directory, false);
  const auto of_id = store ? store->find(container.id) : Result<record::Store::OfId>();
  if (of_id)
    for (const auto& found : of_id->found)
      if (process_of(found.record) == ProcessState::kRunning) whom.pid = found.record.given.pid;
  if (whom.pid == 0)
    for (const auto& state : runtime_states(container.id).states)
      if (state.id == container.id && state.pid > 0 &&
          !kernel::has_ended(state.pid, state.start_time))
        whom.pid = state.pid;
  if (whom.pid != 0) return with_space(std::move(whom));
  return std::unexpected(
      Error(ErrorCode::kProcessGone, "look at " + whom.title).reason("it does not run"));
}

// With the id of the container whose mount namespace it is in, by a record.
Result<Whom> with_record(Whom whom, const std::string& state_directory) {
  PINSCOPE_TRY(const auto store, record::Store::open(state_directory, false));
  PINSCOPE_TRY(const auto all, store.all());
  for (const auto& record : all.records)
    if (record.mount_namespace == whom.space && process_of(record) == ProcessState::kRunning) {
      whom.id = record.given.id;
      whom.bundle = record.given.bundle;
      whom.engine = record.given.engine;
      whom.title += " of container " + one_line(whom.id);
    }
  return whom;
}

}  // namespace

std::string word_of(const ObjectIdentity& object) {
  const auto prefix = std::ranges::find(kPrefixes, object.kind, &Prefix::kind);
  return std::string(prefix->word) + ":" + std::to_string(object.id);
}

Result<Whom> find_whom(const std::string& word, const std::string& state_directory) {
  const auto known = containers_with_id(word, state_directory);
  if (known.size() == 1) return of_container(known.front(), state_directory);
  const auto number = parse_unsigned(word);
  if (number && *number > 0 && *number <= INT32_MAX) {
    const auto pid = static_cast<pid_t>(*number);
    PINSCOPE_TRY(auto whom, with_space({"", "process " + std::to_string(pid), "", pid}));
    return with_record(std::move(whom), state_directory);
  }
  auto search = search_container(word, state_directory);
  PINSCOPE_TRY(const auto container, only_one(std::move(search), false));
  return of_container(container, state_directory);
}

Result<ObjectIdentity> find_wanted(const std::string& word, const std::string& state_directory) {
  if (word.starts_with('/')) return by_path(word);
  if (const auto number = parse_unsigned(word)) return by_id(word, *number);
  const size_t colon = word.find(':');
  if (colon == std::string::npos) return by_name(word);
  const std::string before = word.substr(0, colon);
  const std::string behind = word.substr(colon + 1);
  const auto prefix = std::ranges::find(kPrefixes, before, &Prefix::word);
  const auto number = parse_unsigned(behind);
  if (prefix != kPrefixes.end() && number) return by_kind(word, prefix->kind, *number);
  const auto whom = find_whom(before, state_directory);
  if (!whom && prefix != kPrefixes.end())
    return std::unexpected(not_found(word, quoted(behind) + " is not a number"));
  if (!whom) return std::unexpected(whom.error());
  return in_container(word, *whom, behind, state_directory);
}

}  // namespace pinscope::inventory
