// A suggestion as a file: the second part of suggestion.h.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/cli/suggest/suggestion.h"

namespace pinscope::cli {
namespace {

std::string comment_line(const std::string& indent, const std::string& text) {
  return indent + "# " + one_line(text) + "\n";
}

// A policy's name, in quotes unless YAML can take it for nothing else: 1e5 and null are no text.
std::string scalar_of(const std::string& name) {
  static constexpr std::string_view kNoText[] = {"null", "true", "false", "yes", "no", "on",
                                                 "off",  "y",    "n",     "nan", "inf"};
  const bool begins_plainly = !name.empty() && name.front() >= 'a' && name.front() <= 'z';
  return begins_plainly && std::ranges::find(kNoText, name) == std::end(kNoText) ? name
                                                                                 : quoted(name);
}

}  // namespace

std::string to_yaml(const Suggestion& suggestion) {
  std::string text =
      "apiVersion: pinscope/v1\nkind: Policy\nmetadata:\n  name: " + scalar_of(suggestion.name) +
      "\nspec:\n";
  text += comment_line("  ", "What " + suggestion.title + " holds now; read it before you use it.");
  for (const auto& line : suggestion.warnings) text += comment_line("  ", line);
  text += "  select:\n";
  for (const auto& line : suggestion.select_comments) text += comment_line("    ", line);
  for (const auto& line : suggestion.select) text += "    " + line + "\n";
  if (suggestion.at != model::kDefaultViewAt)
    text += "  view:\n    at: " + quoted(suggestion.at) + "\n";
  text += suggestion.grants.empty() ? "  grants: []\n" : "  grants:\n";
  for (const auto& grant : suggestion.grants) {
    for (const auto& line : grant.comments) text += comment_line("    ", line);
    text += "    - pin: " + quoted(grant.pin) + "\n";
    if (!grant.as.empty()) text += "      as: " + quoted(grant.as) + "\n";
    text += std::string("      access: ") + model::name_of(grant.access) + "\n";
  }
  for (const auto& line : suggestion.comments) text += comment_line("  ", line);
  return text;
}

}  // namespace pinscope::cli
