// spec.view.values: a word, or a mapping.
#include <algorithm>
#include <array>
#include <charconv>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/reader.h"

namespace pinscope::policy {
namespace {

using model::ValuesMode;
using model::ViewValues;

constexpr uint32_t kMaxListed = 4294967295;

struct Unit {
  std::string_view name;
  uint32_t milliseconds;
};
constexpr auto kUnits = std::to_array<Unit>({{"ms", 1}, {"s", 1000}, {"m", 60000}});
constexpr const char* kSuchAs = "a number with its unit, such as 500ms, 5s or 1m";

std::optional<uint32_t> milliseconds_of(std::string_view text) {
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = text.substr(static_cast<size_t>(end - text.data()));
  const auto* known = std::ranges::find(kUnits, unit, &Unit::name);
  if (problem != std::errc() || known == kUnits.end() ||
      number > model::kLongestMaxAgeMs / known->milliseconds)
    return std::nullopt;
  return static_cast<uint32_t>(number) * known->milliseconds;
}

std::optional<uint32_t> read_age(const Field& field, Reporter& reporter) {
  const auto text = read_word_text(reporter, field);
  if (!text) return std::nullopt;
  const auto age = milliseconds_of(*text);
  if (!age)
    reporter.error(field.at(),
                   quoted(field.name) + " is " + shown(*text) + ", and must be from 0s to 60m",
                   std::string("it is ") + kSuchAs);
  return age;
}

void read_names(const Field& field, ViewValues& values, ValuesMarks& marks, Reporter& reporter) {
  const auto entries = read_list(reporter, field);
  if (entries.empty() && field.value->kind == Node::Kind::kSequence)
    reporter.error(field.at(), quoted(field.name) + " is an empty list",
                   "leave the key out for every map that is granted");
  for (const Field& entry : entries) {
    if (reporter.full()) return;
    auto name = read_text(reporter, entry);
    if (!name) continue;
    if (const auto glob = check_glob(*name); !glob) {
      reporter.error(entry.at(), quoted(entry.name) + ": " + glob.error().sentence());
      continue;
    }
    if (name->starts_with('/')) {
      reporter.error(entry.at(), shown(*name) + " is no name in the view",
                     "write what the grant is called there: its \"as\", or the last component of "
                     "its pin");
      continue;
    }
    marks.grants.push_back(entry.at());
    values.grants.push_back(*std::move(name));
  }
}

}  // namespace

ViewValues read_values(const Field& field, ValuesMarks& marks, Reporter& reporter) {
  ViewValues values;
  marks.at = field.at();
  const auto read_mode = [&](const Field& mode) {
    return read_word<ValuesMode>(reporter, mode, model::name_of, ValuesMode::kAlso)
        .value_or(ValuesMode::kAlso);
  };
  if (field.value->kind == Node::Kind::kScalar) {
    marks.others = {"mode"};
    values.mode = read_mode(field);
    return values;
  }
  const Mapping keys(reporter, field, "\"values\"", "values.",
                     {"mode", "at", "grants", "form", "list", "maxAge"});
  for (const auto key : {"mode", "grants", "form", "list", "maxAge"})
    if (keys.find(key)) marks.others.emplace_back(key);
  if (const auto mode = keys.find("mode")) values.mode = read_mode(*mode);
  if (const auto at = keys.find("at")) {
    marks.place = at->at();
    values.at = read_view_path(*at, kPlaceOfValues, reporter);
  }
  if (const auto grants = keys.find("grants")) read_names(*grants, values, marks, reporter);
  if (const auto form = keys.find("form"))
    values.form = read_word<model::ValueForm>(reporter, *form, model::name_of);
  if (const auto list = keys.find("list")) values.list = read_number(reporter, *list, kMaxListed);
  if (const auto age = keys.find("maxAge")) values.max_age_ms = read_age(*age, reporter);
  if (keys.valid() && field.value->children.empty())
    reporter.error(field.at(), "\"values\" is empty", "write: values: also");
  return values;
}

}  // namespace pinscope::policy
