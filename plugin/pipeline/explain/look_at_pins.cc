#include "plugin/pipeline/explain/look_at_pins.h"

#include <sys/stat.h>

#include <memory>

#include "plugin/kernel/bpf/source.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/policy/glob.h"

namespace pinscope {
namespace {

using model::AtPin;

constexpr int kNothingIsOpened = -1;

AtPin matches_of(const std::string& glob) {
  const auto matching = pins_matching(glob);
  if (!matching) return AtPin::kNotKnown;
  if (!matching->pins.empty()) return AtPin::kPin;
  return matching->left_out.empty() && !matching->is_cut_short ? AtPin::kNothing : AtPin::kNotKnown;
}

AtPin at(const std::string& pin, kernel::SourceOpener& sources) {
  const auto found = sources.find(pin);
  if (!found)
    return found.error().code() == ErrorCode::kSourceMissing ? AtPin::kNothing : AtPin::kNotKnown;
  struct stat status {};
  if (::fstat(found->get(), &status) != 0) return AtPin::kNotKnown;
  if (S_ISDIR(status.st_mode)) return AtPin::kDirectory;
  return S_ISREG(status.st_mode) ? AtPin::kPin : AtPin::kNotKnown;
}

}  // namespace

model::LookAtPin pins_of_this_machine() {
  // A directory is kept between two questions: grants mostly come from few.
  auto sources = std::make_shared<kernel::SourceOpener>(kNothingIsOpened, kernel::accept_unchecked);
  return [sources](const std::string& pin) {
    return policy::is_glob(pin) ? matches_of(pin) : at(pin, *sources);
  };
}

}  // namespace pinscope
