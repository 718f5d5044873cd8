#include "plugin/inventory/access/parties.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/fd.h"
#include "plugin/host/file.h"

namespace pinscope::inventory {
namespace {

Result<Fd> open_proc() {
  return open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
}

Party look_at(int proc, Space space, std::optional<size_t> place) {
  Party party{.space = std::move(space), .place = place, .processes = {}};
  for (const pid_t pid : party.space.processes) {
    auto credentials = kernel::read_credentials(proc, pid);
    if (!credentials) {
      const int errnum = credentials.error().errnum();
      const bool has_ended = errnum == ENOENT || errnum == ESRCH ||
                             credentials.error().code() == ErrorCode::kProcessGone;
      if (!has_ended) ++party.not_seen;
      continue;
    }
    const bool is_known = std::ranges::any_of(
        party.processes, [&](const auto& one) { return kernel::is_same(one, *credentials); });
    if (!is_known) party.processes.push_back(*std::move(credentials));
  }
  return party;
}

}  // namespace

Result<std::vector<Party>> look_at_parties(const Machine& machine) {
  PINSCOPE_TRY(const Fd proc, open_proc());
  std::vector<Party> parties;
  parties.reserve(machine.spaces.size() + machine.others.size());
  const auto add = [&](const Space& space, std::optional<size_t> place) {
    Party party{.space = space, .place = place, .processes = {}};
    if (!party.is_of_host()) party = look_at(proc.get(), space, place);
    parties.push_back(std::move(party));
  };
  for (size_t i = 0; i < machine.spaces.size(); ++i) add(machine.spaces[i], i);
  for (const auto& space : machine.others) add(space, std::nullopt);
  return parties;
}

Result<Party> look_at_party(Space space, std::optional<size_t> place) {
  PINSCOPE_TRY(const Fd proc, open_proc());
  return look_at(proc.get(), std::move(space), place);
}

}  // namespace pinscope::inventory
