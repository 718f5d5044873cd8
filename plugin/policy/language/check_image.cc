// Patterns of images that match none: containerd and CRI-O name an image in full, and "*" stops at
// a slash as in every other pattern of a policy.
#include <algorithm>
#include <string>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/check.h"

namespace pinscope::policy {
namespace {

constexpr std::string_view kHub = "docker.io";

constexpr const char* kFullName =
    "no image with its full name, as \"docker.io/library/nginx:1.27\"";

struct Doubt {
  std::string matches;  // what it does not match; empty if there is no doubt
  std::string hint;
};

Doubt doubt_about(const std::string& pattern) {
  const auto components = split(pattern, '/');
  if (std::ranges::find(components, "**") != components.end()) return {};
  if (components.size() == 1)
    return {kFullName, pattern == "*" ? "\"*\" stops at a slash: say \"**\" for every image"
                                      : "say \"**/" + pattern + "\" for this name on any registry"};
  if (components.size() == 2 && components.front() == kHub)
    return {kFullName, "\"*\" stops at a slash: say \"docker.io/**\" for all of that registry"};
  const std::string_view last = components.back();
  if (!is_glob(last) && last.find_first_of(":@") == std::string_view::npos)
    return {"no image with its tag or digest", "say " + quoted(pattern + ":*")};
  return {};
}

void warn_of_images(const std::vector<model::Pattern>& images, const SelectMarks& marks,
                    Reporter& reporter) {
  for (const auto& pattern : images) {
    const Doubt doubt = doubt_about(pattern);
    if (!doubt.matches.empty())
      reporter.warning(*marks.image, "the image " + quoted(pattern) + " matches " + doubt.matches,
                       doubt.hint);
  }
}

}  // namespace

void warn_of_image(const PolicyDraft& draft, Reporter& reporter) {
  warn_of_images(draft.policy.select.images, draft.select, reporter);
  for (size_t i = 0; i < draft.policy.exclusions.size(); ++i)
    warn_of_images(draft.policy.exclusions[i].matching.images, draft.exclusion_marks[i], reporter);
}

}  // namespace pinscope::policy
