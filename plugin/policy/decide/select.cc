#include "plugin/policy/decide/select.h"

#include <algorithm>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

using model::Namespace;
using model::NamespaceKind;

std::string shown(const std::string& text) {
  return quoted(text);
}
std::string shown(uint32_t number) {
  return std::to_string(number);
}
std::string shown(model::Engine engine) {
  return quoted(model::engine_name(engine));
}

// "a", "b" or "c".
template <typename T>
std::string alternatives(const std::vector<T>& list) {
  std::string text;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i != 0) text += i + 1 == list.size() ? " or " : ", ";
    text += shown(list[i]);
  }
  return text;
}

bool any_matches(const std::vector<model::Pattern>& patterns, std::string_view text) {
  return std::ranges::any_of(
      patterns, [&](const std::string& pattern) { return glob_matches(pattern, text); });
}

// Collects the reason only where somebody wants to read it.
class SelectChecker {
 public:
  SelectChecker(const model::Container& container, const HostView& host, std::string* why_not)
      : container_(container), host_(host), why_not_(why_not) {}

  template <typename T>
  bool value(const char* key, const std::vector<T>& wanted, const T& found) {
    if (wanted.empty() || std::ranges::find(wanted, found) != wanted.end()) return true;
    return refuse([&] { return differs(key, shown(found), wanted); });
  }

  bool engine(const std::vector<model::Engine>& wanted) {
    if (container_.engine != model::Engine::kUnknown || wanted.empty())
      return value("engine", wanted, container_.engine);
    return refuse([&] { return differs("engine", "not known", wanted); });
  }

  bool text(const char* key, const std::vector<model::Pattern>& wanted, const std::string& found) {
    if (wanted.empty() || any_matches(wanted, found)) return true;
    return refuse([&] { return differs(key, shown(found), wanted); });
  }

  bool fact(const char* key, const std::vector<model::Pattern>& wanted,
            const std::optional<model::Fact>& found) {
    if (wanted.empty()) return true;
    if (found) return text(key, wanted, found->value);
    return refuse([&] { return differs(key, "not established by this engine", wanted); });
  }

  // Only the labels that policies name are handed on: among others, an absent one is not there.
  bool label(const std::string& key, const std::vector<model::Pattern>& wanted) {
    const auto& labels = container_.identity.kubernetes_labels;
    const auto name = [&] { return "kubernetes label " + quoted(key); };
    const auto found = std::ranges::find(labels, key, &std::pair<std::string, model::Fact>::first);
    if (found == labels.end())
      return refuse(
          [&] { return differs(name(), labels.empty() ? "not established" : "absent", wanted); });
    if (wanted.empty() || any_matches(wanted, found->second.value)) return true;
    return refuse([&] { return differs(name(), shown(found->second.value), wanted); });
  }

  bool annotation(const std::string& key, const std::vector<model::Pattern>& wanted) {
    const auto found =
        std::ranges::find(container_.annotations, key, &std::pair<std::string, std::string>::first);
    if (found == container_.annotations.end())
      return refuse([&] { return differs("annotation " + quoted(key), "absent", wanted); });
    if (wanted.empty() || any_matches(wanted, found->second)) return true;
    return refuse(
        [&] { return differs("annotation " + quoted(key), shown(found->second), wanted); });
  }

  // Selectors of one kind are alternatives; of different kinds, each must match.
  bool name_spaces(const std::vector<model::NamespaceSelector>& selectors) {
    return std::ranges::all_of(selectors, [&](const model::NamespaceSelector& selector) {
      const bool matches = std::ranges::any_of(selectors, [&](const auto& alternative) {
        return alternative.kind == selector.kind && namespace_matches(alternative);
      });
      return matches || refuse([&] { return differs(selector.kind, selectors); });
    });
  }

 private:
  template <typename Text>
  bool refuse(const Text& text) {
    if (why_not_ != nullptr) *why_not_ = text();
    return false;
  }

  template <typename T>
  static std::string differs(const std::string& key, const std::string& found,
                             const std::vector<T>& wanted) {
    return key + " is " + found + ", wanted " + alternatives(wanted);
  }

  std::string differs(NamespaceKind kind,
                      const std::vector<model::NamespaceSelector>& selectors) const {
    std::string wanted;
    for (const auto& selector : selectors)
      if (selector.kind == kind)
        wanted += (wanted.empty() ? "" : " or ") + describe(selector.wanted);
    return std::string("namespaces.") + model::namespace_name(kind) + " is " +
           describe(model::namespace_of(container_, kind)) + ", wanted " + wanted;
  }

  static std::string describe(const Namespace& name_space) {
    switch (name_space.mode) {
      case Namespace::Mode::kHost:
        return "host";
      case Namespace::Mode::kPrivate:
        return "private";
      case Namespace::Mode::kPath:
        return quoted(name_space.path);
    }
    return "";
  }

  bool is_host(NamespaceKind kind) const { return shares_host_namespace(container_, kind, host_); }

  bool namespace_matches(const model::NamespaceSelector& selector) const {
    switch (selector.wanted.mode) {
      case Namespace::Mode::kHost:
        return is_host(selector.kind);
      case Namespace::Mode::kPrivate:
        return !is_host(selector.kind);
      case Namespace::Mode::kPath:
        return host_.same_namespace(container_, selector.kind, selector.wanted.path);
    }
    return false;
  }

  const model::Container& container_;
  const HostView& host_;
  std::string* why_not_;
};

}  // namespace

// A container that joins a namespace by path may join the host's that way.
bool shares_host_namespace(const model::Container& container, NamespaceKind kind,
                           const HostView& host) {
  switch (model::namespace_of(container, kind).mode) {
    case Namespace::Mode::kHost:
      return true;
    case Namespace::Mode::kPrivate:
      return false;
    case Namespace::Mode::kPath:
      return host.same_namespace(container, kind,
                                 std::string("/proc/self/ns/") + model::namespace_name(kind));
  }
  return true;
}

// One key after the other, in the order in which documents list them.
bool matches(const model::Select& select, const model::Container& container, const HostView& host,
             std::string* why_not) {
  SelectChecker check(container, host, why_not);
  const model::Identity& identity = container.identity;
  return check.engine(select.engines) &&
         check.fact("kubernetes.namespace", select.kubernetes_namespaces,
                    identity.kubernetes_namespace) &&
         check.fact("kubernetes.pod", select.kubernetes_pods, identity.kubernetes_pod) &&
         check.fact("kubernetes.container", select.kubernetes_containers,
                    identity.kubernetes_container) &&
         std::ranges::all_of(
             select.kubernetes_labels,
             [&](const auto& entry) { return check.label(entry.first, entry.second); }) &&
         check.fact("image", select.images, identity.image) &&
         check.text("bundle", select.bundles, container.bundle) &&
         check.value("user.uid", select.uids, container.uid) &&
         check.value("user.gid", select.gids, container.gid) &&
         std::ranges::all_of(
             select.annotations,
             [&](const auto& entry) { return check.annotation(entry.first, entry.second); }) &&
         check.name_spaces(select.namespaces);
}

bool selects(const model::Policy& policy, const model::Container& container, const HostView& host,
             std::string* why_not) {
  if (!matches(policy.select, container, host, why_not)) return false;
  for (size_t i = 0; i < policy.exclusions.size(); ++i) {
    const model::Exclusion& exclusion = policy.exclusions[i];
    if (!matches(exclusion.matching, container, host, nullptr)) continue;
    if (why_not != nullptr) *why_not = excluded_by(policy, i);
    return false;
  }
  return true;
}

std::string excluded_by(const model::Policy& policy, size_t item) {
  return "item " + std::to_string(item + 1) + " of \"exclude\" at " +
         model::to_string(policy.exclusions[item].place) + " matches it";
}

}  // namespace pinscope::policy
