#include "plugin/policy/language/reader.h"

#include <algorithm>
#include <array>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/braces.h"
#include "plugin/policy/language/key_hints.h"

namespace pinscope::policy {
namespace {

using model::HostBpffs;
using model::Layout;

void read_denial(const Field& field, PolicyDraft& draft, Reporter& reporter) {
  Mapping denial(reporter, field, "a denial", "", {"pin"});
  const auto pin_field = denial.require("pin");
  if (!pin_field) return;
  if (auto pin = read_pin(*pin_field, reporter))
    draft.policy.denials.push_back({reporter.place(field.at()), *std::move(pin)});
}

void read_spec(const Field& field, PolicyDraft& draft, Reporter& reporter) {
  Mapping spec(reporter, field, "\"spec\"", "",
               {"cdi", "select", "exclude", "view", "onChange", "delegate", "grants", "deny"});
  if (!spec.valid()) return;
  if (const auto cdi = spec.find("cdi")) {
    draft.cdi = cdi->key_at;
    draft.policy.cdi = read_flag(reporter, *cdi).value_or(false);
  }
  const auto select = spec.find("select");
  if (select)
    read_select(*select, draft, reporter);
  else
    reporter.error(field.at(), "\"spec\" has no \"select\"",
                   "to select every container, write: select: {}");
  if (const auto exclude = spec.find("exclude"))
    for (const Field& item : read_list(reporter, *exclude)) {
      if (reporter.full()) return;
      read_exclusion(item, draft, reporter);
    }
  if (const auto view = spec.find("view")) {
    ViewDraft read = read_view(*view, reporter);
    draft.policy.view = std::move(read.view);
    draft.view_at = read.at;
    draft.host_bpffs = read.host_bpffs;
    draft.values = std::move(read.values);
  }
  if (const auto on_change = spec.find("onChange"))
    draft.policy.on_change = read_word<model::OnChange>(reporter, *on_change, model::name_of);
  if (const auto delegate = spec.find("delegate")) read_delegate(*delegate, draft, reporter);
  if (const auto grants = spec.find("grants"))
    for (const Field& grant : read_list(reporter, *grants)) {
      if (reporter.full()) return;
      read_grant(grant, draft, reporter);
    }
  if (const auto deny = spec.find("deny"))
    for (const Field& denial : read_list(reporter, *deny)) {
      if (reporter.full()) return;
      read_denial(denial, draft, reporter);
    }
}

bool check_path(const Field& field, const std::string& path, Reporter& reporter,
                std::string hint = "") {
  const auto components = parse_absolute(path);
  if (components) return true;
  reporter.error(field.at(), quoted(field.name) + ": " + components.error().sentence(),
                 path.starts_with('/') ? std::move(hint) : "paths start with \"/\"");
  return false;
}

}  // namespace

NameOfDocument read_metadata(const Field& field, std::string_view what, Reporter& reporter) {
  NameOfDocument result;
  Mapping metadata(reporter, field, "\"metadata\"", "metadata.", {"name"});
  const auto name_field = metadata.require("name");
  if (!name_field) return result;
  result.at = name_field->at();
  const auto name = read_text(reporter, *name_field);
  if (!name) return result;
  constexpr size_t kLongest = 128;
  constexpr std::string_view kAlphanumeric =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const bool is_plain = std::ranges::all_of(*name, [&](char byte) {
    return kAlphanumeric.find(byte) != std::string_view::npos || byte == '-' || byte == '_' ||
           byte == '.';
  });
  if (!is_plain || kAlphanumeric.find(name->front()) == std::string_view::npos ||
      name->size() > kLongest) {
    reporter.error(name_field->at(), shown(*name) + " cannot be the name of " + std::string(what),
                   "names start with a letter or digit, hold letters, digits, \"-\", \"_\" and "
                   "\".\", and have up to 128 bytes");
    return result;
  }
  result.name = *name;
  return result;
}

ViewDraft read_view(const Field& field, Reporter& reporter) {
  ViewDraft draft;
  const Mapping view(reporter, field, "\"view\"", "view.",
                     {"at", "layout", "hostBpffs", "void", "values"});
  if (const auto at = view.find("at")) {
    draft.view.at = read_view_path(*at, kPlaceOfView, reporter);
    draft.at = at->at();
  }
  if (const auto layout = view.find("layout"))
    draft.view.layout = read_word<Layout>(reporter, *layout, model::name_of);
  if (const auto host_bpffs = view.find("hostBpffs")) {
    draft.host_bpffs = host_bpffs->at();
    draft.view.host_bpffs = read_word<HostBpffs>(reporter, *host_bpffs, model::name_of);
  }
  if (const auto void_view = view.find("void"))
    draft.view.void_view = read_word<model::VoidView>(reporter, *void_view, model::name_of);
  if (const auto values = view.find("values"))
    draft.view.values = read_values(*values, draft.values.emplace(), reporter);
  return draft;
}

void read_constant(Mapping& document, std::string_view key, std::string_view wanted,
                   Reporter& reporter) {
  const auto field = document.require(key);
  if (!field) return;
  const auto text = read_word_text(reporter, *field);
  if (text && *text != wanted) report_unknown_word(reporter, *field, *text, std::array{wanted});
}

std::optional<std::string> read_path(const Field& field, Reporter& reporter) {
  auto path = read_text(reporter, field);
  if (!path || !check_path(field, *path, reporter)) return std::nullopt;
  return path;
}

std::optional<std::string> read_view_path(const Field& field, const ViewPlace& place,
                                          Reporter& reporter) {
  auto path = read_path(field, reporter);
  if (!path) return std::nullopt;
  const std::string what(place.what);
  const std::string is_there = what + " " + std::string(place.is) + " there";
  std::string why_not;
  if (*path == "/") why_not = what + " would hide the whole container";
  if (is_at_or_below(*path, "/proc"))
    why_not = "/proc shows processes, and runtimes cover parts of it after " + is_there;
  if (is_at_or_below(*path, "/dev"))
    why_not = "runtimes fill /dev by themselves, after " + is_there;
  if (why_not.empty()) return path;
  reporter.error(field.at(), what + " cannot be at " + quoted(*path) + ": " + why_not,
                 std::string(place.usual));
  return std::nullopt;
}

std::optional<model::Pattern> read_pin(const Field& field, Reporter& reporter) {
  auto pin = read_text(reporter, field);
  if (!pin) return std::nullopt;
  const std::string hint = pin->size() > 1 && pin->ends_with('/')
                               ? "for all pins below a directory, write " + shown(*pin + "**")
                               : "";
  if (!check_path(field, *pin, reporter, hint)) return std::nullopt;
  if (const auto glob = check_glob(*pin); !glob) {
    reporter.error(field.at(), quoted(field.name) + ": " + glob.error().sentence());
    return std::nullopt;
  }
  if (has_alternatives_in_braces(*pin)) {
    reporter.error(field.at(), quoted(field.name) + ": braces are not expanded in " + shown(*pin),
                   "write an entry for each; a brace that is meant has a backslash before it");
    return std::nullopt;
  }
  if (*pin == "/") {
    reporter.error(field.at(), quoted(field.name) + " is \"/\", which is no pin");
    return std::nullopt;
  }
  if (!is_glob(*pin) && base_name(*pin).find('.') != std::string_view::npos) {
    reporter.error(field.at(), "no pin can be called " + quoted(base_name(*pin)),
                   "the kernel allows no dots in the names of a bpffs");
    return std::nullopt;
  }
  return pin;
}

Mapping read_document(const Field& field, Reporter& reporter) {
  return {reporter, field, field.name, "", {"apiVersion", "kind", "metadata", "spec"}};
}

DocumentKind kind_of(const Node& root, Reporter& reporter) {
  if (root.kind != Node::Kind::kMapping) return DocumentKind::kPolicy;
  bool says_test = false;
  for (size_t i = 0; i + 1 < root.children.size(); i += 2)
    if (root.children[i].text == "kind" && root.children[i + 1].text == kPolicyTestKind)
      says_test = true;
  if (!says_test) return DocumentKind::kPolicy;
  const size_t errors = reporter.errors();
  const Field field{"a document", root.at, &root};
  const Mapping document = read_document(field, reporter);
  return reporter.errors() == errors ? DocumentKind::kTest : DocumentKind::kUnclear;
}

std::optional<PolicyDraft> read_policy(const Node& root, Reporter& reporter) {
  const Field field{"a policy", root.at, &root};
  Mapping document = read_document(field, reporter);
  if (!document.valid()) return std::nullopt;
  constexpr auto kKinds = std::to_array<std::string_view>({"Policy", kPolicyTestKind});
  // What is meant as a test has other keys than a policy, all of which would be wrong.
  const auto kind = document.find("kind");
  if (kind && our_word_for(kind->value->text, kKinds) == kPolicyTestKind) {
    report_unknown_word(reporter, *kind, kind->value->text, kKinds);
    return std::nullopt;
  }
  PolicyDraft draft;
  draft.policy.place = reporter.place(root.at);
  read_constant(document, "apiVersion", "pinscope/v1", reporter);
  if (document.require("kind"))
    if (const auto word = read_word_text(reporter, *kind); word && *word != "Policy")
      report_unknown_word(reporter, *kind, *word, kKinds);
  if (const auto metadata = document.require("metadata")) {
    auto name = read_metadata(*metadata, "a policy", reporter);
    draft.name = name.at;
    draft.policy.name = std::move(name.name);
  }
  draft.select.at = root.at;
  if (const auto spec = document.require("spec")) read_spec(*spec, draft, reporter);
  return draft;
}

}  // namespace pinscope::policy
