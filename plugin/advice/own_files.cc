#include "plugin/advice/own_files.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "plugin/advice/configured.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::advice {
namespace {

struct OwnFiles {
  std::string_view directory;
  std::string_view what_they_give;
};

// Where they are unless options say otherwise; /var/run is a link to /run.
constexpr OwnFiles kOwnFiles[] = {
    {"/etc/pinscope", "whoever writes a policy there decides what is granted"},
    {"/var/lib/pinscope", "whoever writes the compiled policies there decides what is granted"},
    {"/run/pinscope", "whoever writes the records there can hide views and have them removed"},
    {"/var/run/pinscope", "whoever writes the records there can hide views and have them removed"},
    {"/var/log/pinscope", "whoever writes the audit trail there can change what it says"},
};

// The volume is in the directory, or the directory in the volume.
bool meet(std::string_view source, std::string_view directory) {
  return is_at_or_below(source, directory) || is_at_or_below(directory, source);
}

}  // namespace

std::vector<Remark> remarks_on_own_files(const model::Container& container) {
  std::vector<Remark> remarks;
  // Root of a user namespace owns none of these files.
  if (has_user_namespace(container)) return remarks;
  for (const auto& mount : container.mounts) {
    const bool is_volume =
        mount.type == "bind" || has_option(mount, "bind") || has_option(mount, "rbind");
    if (!is_volume || has_option(mount, "ro")) continue;
    const auto ours = std::ranges::find_if(
        kOwnFiles, [&](const OwnFiles& one) { return meet(mount.source, one.directory); });
    if (ours == std::end(kOwnFiles)) continue;
    remarks.push_back({Remark::Kind::kVoid, "own-files",
                       "the container can write to " + quoted(mount.source) +
                           " of the host, where " + quoted(std::string(ours->directory)) +
                           " is: " + std::string(ours->what_they_give),
                       "remove the volume, or make it read-only"});
  }
  return remarks;
}

}  // namespace pinscope::advice
