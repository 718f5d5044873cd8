#include "plugin/advice/limits.h"

#include <linux/bpf.h>

#include <algorithm>

#include "plugin/base/text.h"

namespace pinscope::advice {

std::vector<Remark> remarks_on_limits(const model::Decision& decision,
                                      const std::vector<MapLimits>& limits) {
  std::vector<Remark> remarks;
  const auto add = [&](const char* code, std::string text) {
    remarks.push_back({Remark::Kind::kNote, code, std::move(text), ""});
  };
  for (size_t i = 0; i < std::min(limits.size(), decision.grants.size()); ++i) {
    const std::string name = quoted(decision.grants[i].name);
    if (limits[i].is_frozen)
      add("frozen", name +
                        " is frozen: no process writes it any more, whatever is granted; "
                        "programs that have it do, unless it has BPF_F_RDONLY_PROG");
    if ((limits[i].flags & BPF_F_RDONLY_PROG) != 0)
      add("rdonly-prog", name +
                             " has BPF_F_RDONLY_PROG: no program writes it, so that neither "
                             "CAP_BPF nor a token makes more of a grant to read");
    if ((limits[i].flags & BPF_F_WRONLY_PROG) != 0)
      add("wronly-prog", name + " has BPF_F_WRONLY_PROG: no program reads it");
    if (limits[i].is_exclusive)
      add("exclusive", name +
                           " is exclusive to one program: no other can be loaded with it, so "
                           "that neither CAP_BPF nor a token makes more of a grant to read");
  }
  return remarks;
}

}  // namespace pinscope::advice
