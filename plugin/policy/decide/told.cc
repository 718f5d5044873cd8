#include "plugin/policy/decide/told.h"

#include <algorithm>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/policy/decide/select.h"

namespace pinscope::policy {
namespace {

using Selection = Judgement::Selection;

bool has_key(const auto& list, const std::string& key) {
  return std::ranges::any_of(list, [&](const auto& entry) { return entry.first == key; });
}

// Takes the keys out of a `select` of which nothing is told, so that they match everything, and
// notes their names.
class Reduction {
 public:
  Reduction(const model::Container& container, const Told& told)
      : container_(container), told_(told) {}

  // Every key is named here: a new one does not compile until it is reduced, too, and until then
  // there is no option of `explain` for it (plugin/cli/explain/described.h).
  void reduce(model::Select& select) {
    auto& [engines, kubernetes_namespaces, pods, containers, labels, images, bundles, uids, gids,
           namespaces, annotations] = select;
    const auto& identity = container_.identity;
    drop(engines, "engine", container_.engine != model::Engine::kUnknown);
    drop_fact(kubernetes_namespaces, "kubernetes.namespace", identity.kubernetes_namespace);
    drop_fact(pods, "kubernetes.pod", identity.kubernetes_pod);
    drop_fact(containers, "kubernetes.container", identity.kubernetes_container);
    drop_keys(labels, "kubernetes label ", identity.kubernetes_labels);
    drop_fact(images, "image", identity.image);
    drop(bundles, "bundle", !container_.bundle.empty());
    drop(uids, "user.uid", told_.uid);
    drop(gids, "user.gid", told_.gid);
    drop_namespaces(namespaces);
    drop_keys(annotations, "annotation ", container_.annotations);
  }

  void note_all(const Reduction& other) {
    for (const auto& name : other.dropped_) note(name);
  }

  [[nodiscard]] const std::vector<std::string>& dropped() const { return dropped_; }

 private:
  template <typename T>
  void drop(std::vector<T>& wanted, const char* name, bool is_told) {
    if (wanted.empty() || is_told) return;
    wanted.clear();
    note(name);
  }

  void drop_fact(std::vector<model::Pattern>& wanted, const char* name,
                 const std::optional<model::Fact>& fact) {
    // Some engines establish none, whatever is told of their containers.
    if (!wanted.empty() && fact && container_.engine == model::Engine::kUnknown) note("engine");
    drop(wanted, name, fact.has_value() || told_.no_facts || told_.rest_is_absent);
  }

  void drop_keys(auto& wanted, const char* kind, const auto& told) {
    if (told_.rest_is_absent) return;
    std::erase_if(wanted, [&](const auto& entry) {
      if (has_key(told, entry.first)) return false;
      note(kind + quoted(entry.first));
      return true;
    });
  }

  void drop_namespaces(std::vector<model::NamespaceSelector>& wanted) {
    std::erase_if(wanted, [&](const model::NamespaceSelector& selector) {
      if (told_.namespaces[static_cast<size_t>(selector.kind)]) return false;
      note(std::string("namespaces.") + model::namespace_name(selector.kind));
      return true;
    });
  }

  void note(std::string name) {
    if (std::ranges::find(dropped_, name) == dropped_.end()) dropped_.push_back(std::move(name));
  }

  const model::Container& container_;
  const Told& told_;
  std::vector<std::string> dropped_;
};

}  // namespace

Judgement judge(const model::Policy& policy, const model::Container& container, const Told& told,
                const HostView& host) {
  Reduction reduction(container, told);
  model::Select rest = policy.select;
  reduction.reduce(rest);
  Judgement judgement;
  if (!matches(rest, container, host, &judgement.why)) return judgement;
  for (size_t i = 0; i < policy.exclusions.size(); ++i) {
    Reduction of_item(container, told);
    rest = policy.exclusions[i].matching;
    of_item.reduce(rest);
    if (!matches(rest, container, host, nullptr)) continue;
    if (of_item.dropped().empty()) return {Selection::kDoesNot, excluded_by(policy, i)};
    reduction.note_all(of_item);
  }
  const auto& open = reduction.dropped();
  if (open.empty()) return {Selection::kSelects, ""};
  return {Selection::kDepends, joined(open, ", ")};
}

}  // namespace pinscope::policy
