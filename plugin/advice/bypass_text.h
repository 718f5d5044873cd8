// What each bypass is, and what to do about it, in sentences: for explain, which knows what in the
// container's configuration it is, and for inspect, which knows the bypass alone.
#pragma once

#include <string>
#include <vector>

#include "plugin/advice/remarks.h"
#include "plugin/model/bypass.h"
#include "plugin/policy/decide/bypass.h"

namespace pinscope::advice {

struct BypassText {
  const char* text;
  const char* action;
};
const BypassText& text_of(model::Bypass bypass);

// The beginning of a sentence: "the container mounts the host's "/sys" at "/host", which shows a
// bpffs of the host".
std::string shown_bpffs(const model::ConfiguredMount& mount);

// A remark for each; the container and the decision are those in which they were found.
std::vector<Remark> remarks_on_bypasses(const std::vector<policy::FoundBypass>& found,
                                        const model::Container& container,
                                        const model::Decision& decision);

}  // namespace pinscope::advice
