// spec.select and spec.exclude: whom a policy is for.
#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/braces.h"
#include "plugin/policy/language/key_hints.h"
#include "plugin/policy/language/reader.h"

namespace pinscope::policy {
namespace {

using model::Engine;
using model::Namespace;
using model::NamespaceKind;

// Of an annotation, whose value may be any text, such as JSON.
std::vector<model::Pattern> read_any_patterns(const Field& field, Reporter& reporter) {
  std::vector<model::Pattern> patterns;
  for (const Field& entry : read_one_or_more(reporter, field)) {
    auto pattern = read_text(reporter, entry);
    if (!pattern) continue;
    if (const auto glob = check_glob(*pattern); !glob)
      reporter.error(entry.at(), quoted(field.name) + ": " + glob.error().sentence());
    else
      patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

std::vector<model::Pattern> read_patterns(const Field& field, Reporter& reporter) {
  auto patterns = read_any_patterns(field, reporter);
  for (const auto& pattern : patterns)
    if (has_alternatives_in_braces(pattern))
      reporter.error(field.at(),
                     quoted(field.name) + ": braces are not expanded in " + shown(pattern),
                     "write a list, as in [a, b]; a brace that is meant has a backslash before it");
  return patterns;
}

std::vector<model::Pattern> read_bundles(const Field& field, Reporter& reporter) {
  auto patterns = read_patterns(field, reporter);
  for (const auto& pattern : patterns)
    if (!pattern.starts_with('/') && !pattern.starts_with("**"))
      reporter.error(field.at(),
                     quoted(field.name) + ": " + quoted(pattern) + " can match no bundle",
                     "a bundle is an absolute path: start with \"/\"");
  return patterns;
}

std::vector<uint32_t> read_ids(const Field& field, Reporter& reporter) {
  std::vector<uint32_t> ids;
  for (const Field& entry : read_one_or_more(reporter, field))
    if (const auto id = read_number(reporter, entry, kMaxId)) ids.push_back(*id);
  return ids;
}

std::vector<Engine> read_engines(const Field& field, Reporter& reporter) {
  std::vector<Engine> engines;
  for (const Field& entry : read_one_or_more(reporter, field))
    if (const auto engine = read_word(reporter, entry, model::engine_name, Engine::kPodman))
      engines.push_back(*engine);
  return engines;
}

void read_kubernetes(const Field& field, model::Select& select, SelectMarks& marks,
                     Reporter& reporter) {
  marks.kubernetes = field.key_at;
  const Mapping kubernetes(reporter, field, "\"kubernetes\"", "kubernetes.",
                           {"namespace", "pod", "container", "labels"});
  if (const auto key = kubernetes.find("namespace"))
    select.kubernetes_namespaces = read_patterns(*key, reporter);
  if (const auto key = kubernetes.find("pod"))
    select.kubernetes_pods = read_patterns(*key, reporter);
  if (const auto key = kubernetes.find("container"))
    select.kubernetes_containers = read_patterns(*key, reporter);
  if (const auto key = kubernetes.find("labels")) {
    marks.labels = key->key_at;
    for (const auto& [name, value] : read_free_mapping(reporter, *key)) {
      if (name.size() > model::kLongestLabelKey || name.find('=') != std::string::npos)
        reporter.error(value.key_at, shown(name) + " cannot be the key of a label");
      else
        select.kubernetes_labels.emplace_back(name, read_patterns(value, reporter));
    }
  }
  if (kubernetes.valid() && field.value->children.empty())
    reporter.error(field.at(), "\"kubernetes\" is empty",
                   "leave the key out to match every container");
}

void read_user(const Field& field, model::Select& select, Reporter& reporter) {
  const Mapping user(reporter, field, "\"user\"", "user.", {"uid", "gid"});
  if (const auto key = user.find("uid")) select.uids = read_ids(*key, reporter);
  if (const auto key = user.find("gid")) select.gids = read_ids(*key, reporter);
  if (user.valid() && field.value->children.empty())
    reporter.error(field.at(), "\"user\" is empty", "leave the key out to match every container");
}

void read_namespaces(const Field& field, model::Select& select, Reporter& reporter) {
  const Mapping namespaces(reporter, field, "\"namespaces\"", "namespaces.",
                           {"user", "net", "pid", "ipc", "uts", "cgroup", "time", "mnt"});
  for (size_t i = 0; i < model::kNamespaceKinds; ++i) {
    const auto kind = static_cast<NamespaceKind>(i);
    const auto entry = namespaces.find(model::namespace_name(kind));
    if (!entry) continue;
    for (const Field& one : read_one_or_more(reporter, *entry))
      if (auto wanted = read_namespace(one, reporter))
        select.namespaces.push_back({kind, *std::move(wanted)});
  }
  if (namespaces.valid() && field.value->children.empty())
    reporter.error(field.at(), "\"namespaces\" is empty",
                   "leave the key out to match every container");
}

void read_keys(const Mapping& keys, model::Select& select, SelectMarks& marks, Reporter& reporter) {
  if (const auto key = keys.find("engine")) select.engines = read_engines(*key, reporter);
  if (const auto key = keys.find("kubernetes")) read_kubernetes(*key, select, marks, reporter);
  if (const auto key = keys.find("image")) {
    marks.image = key->key_at;
    select.images = read_patterns(*key, reporter);
  }
  if (const auto key = keys.find("user")) {
    marks.user = key->key_at;
    read_user(*key, select, reporter);
  }
  if (const auto key = keys.find("namespaces")) {
    marks.namespaces = key->key_at;
    read_namespaces(*key, select, reporter);
  }
  if (const auto key = keys.find("bundle")) {
    marks.bundle = key->key_at;
    select.bundles = read_bundles(*key, reporter);
  }
  if (const auto key = keys.find("annotations")) {
    marks.annotations = key->key_at;
    for (const auto& [name, value] : read_free_mapping(reporter, *key))
      select.annotations.emplace_back(name, read_any_patterns(value, reporter));
  }
}

Mapping mapping_of(const Field& field, std::string_view what, Reporter& reporter) {
  return {reporter,
          field,
          std::string(what),
          "",
          {"engine", "kubernetes", "image", "user", "namespaces", "annotations", "bundle"}};
}

}  // namespace

std::optional<Namespace> read_namespace(const Field& field, Reporter& reporter) {
  const auto word = read_word_text(reporter, field);
  if (!word) return std::nullopt;
  if (*word == "host") return Namespace{Namespace::Mode::kHost, ""};
  if (*word == "private") return Namespace{Namespace::Mode::kPrivate, ""};
  if (word->find('/') != std::string::npos) {
    if (auto path = read_path(field, reporter))
      return Namespace{Namespace::Mode::kPath, *std::move(path)};
    return std::nullopt;
  }
  const std::string_view near = nearest(*word, {"private", "host"});
  reporter.error(field.at(),
                 quoted(field.name) + " is " + shown(*word) +
                     ", and must be private, host or the absolute path of a namespace",
                 near.empty() ? "" : "did you mean " + quoted(near) + "?");
  return std::nullopt;
}

void read_select(const Field& field, PolicyDraft& draft, Reporter& reporter) {
  draft.select.at = field.key_at;
  if (field.value->kind == Node::Kind::kNull) {
    reporter.error(field.at(), "\"select\" is empty",
                   "to select every container, write: select: {}");
    return;
  }
  read_keys(mapping_of(field, "\"select\"", reporter), draft.policy.select, draft.select, reporter);
}

void read_exclusion(const Field& field, PolicyDraft& draft, Reporter& reporter) {
  const Mapping keys = mapping_of(field, kExclusion, reporter);
  if (!keys.valid()) return;
  if (field.value->children.empty()) {
    reporter.error(field.at(), std::string(kExclusion) + " is empty",
                   "it would match every container, and the policy would select none");
    return;
  }
  model::Exclusion exclusion;
  exclusion.place = reporter.place(field.at());
  SelectMarks marks{.at = field.at()};
  read_keys(keys, exclusion.matching, marks, reporter);
  draft.policy.exclusions.push_back(std::move(exclusion));
  draft.exclusion_marks.push_back(marks);
}

}  // namespace pinscope::policy
