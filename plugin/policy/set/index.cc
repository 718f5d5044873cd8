#include "plugin/policy/set/index.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {
namespace {

// Part of the compiled format.
enum class Key : char {
  kEngine = 'e',
  kKubernetesNamespace = 'n',
  kKubernetesPod = 'p',
  kKubernetesContainer = 'c',
  kKubernetesLabel = 'l',
  kImage = 'i',
  kBundle = 'b',
  kUid = 'u',
  kGid = 'g',
  kAnnotation = 'a',
};

// Two keys with one hash only make a container look at a policy in vain.
uint64_t hash_of(Key key, std::string_view value) {
  const char prefix = static_cast<char>(key);
  return fnv1a64(value, fnv1a64({&prefix, 1}));
}

uint64_t hash_of(Key key, uint32_t number) {
  return hash_of(key, std::string_view(reinterpret_cast<const char*>(&number), sizeof number));
}

uint64_t hash_of(Key key, model::Engine engine) {
  return hash_of(key, static_cast<uint32_t>(engine));
}

// Of an annotation or a label.
uint64_t pair_hash(Key kind, std::string_view key, std::string_view value) {
  constexpr char kBetween = '\0';  // in no key
  return fnv1a64(value, fnv1a64({&kBetween, 1}, hash_of(kind, key)));
}

using Hashes = std::vector<uint64_t>;

template <typename T>
void add_values(std::vector<Hashes>& keys, Key key, const std::vector<T>& values) {
  if (values.empty()) return;
  Hashes& hashes = keys.emplace_back();
  for (const T& value : values) hashes.push_back(hash_of(key, value));
}

void add_patterns(std::vector<Hashes>& keys, const std::vector<model::Pattern>& patterns,
                  const auto& hash) {
  if (patterns.empty() || std::ranges::any_of(patterns, is_glob)) return;
  Hashes& hashes = keys.emplace_back();
  for (const auto& pattern : patterns) hashes.push_back(hash(pattern));
}

// The alternatives of each exact key of `select`.
std::vector<Hashes> exact_keys(const model::Select& select) {
  std::vector<Hashes> keys;
  const auto add = [&](Key key, const std::vector<model::Pattern>& patterns) {
    add_patterns(keys, patterns, [key](std::string_view value) { return hash_of(key, value); });
  };
  add(Key::kBundle, select.bundles);
  add(Key::kKubernetesPod, select.kubernetes_pods);
  const auto add_pairs = [&](Key kind, const auto& entries) {
    for (const auto& entry : entries)
      add_patterns(keys, entry.second,
                   [&](std::string_view value) { return pair_hash(kind, entry.first, value); });
  };
  add_pairs(Key::kAnnotation, select.annotations);
  add_pairs(Key::kKubernetesLabel, select.kubernetes_labels);
  add(Key::kKubernetesNamespace, select.kubernetes_namespaces);
  add(Key::kImage, select.images);
  add(Key::kKubernetesContainer, select.kubernetes_containers);
  add_values(keys, Key::kUid, select.uids);
  add_values(keys, Key::kGid, select.gids);
  add_values(keys, Key::kEngine, select.engines);
  for (Hashes& hashes : keys) {
    std::ranges::sort(hashes);
    hashes.erase(std::ranges::unique(hashes).begin(), hashes.end());
  }
  return keys;
}

}  // namespace

Index make_index(const std::vector<model::Policy>& policies) {
  std::vector<std::vector<Hashes>> keys;
  std::unordered_map<uint64_t, size_t> sharing;
  for (const auto& policy : policies) {
    keys.push_back(exact_keys(policy.select));
    for (const auto& hashes : keys.back())
      for (const uint64_t hash : hashes) ++sharing[hash];
  }
  Index index;
  for (uint32_t position = 0; position < policies.size(); ++position) {
    const auto cost = [&](const Hashes& hashes) {
      size_t most = 0;
      for (const uint64_t hash : hashes) most = std::max(most, sharing[hash]);
      return most;
    };
    const auto best = std::ranges::min_element(keys[position], {}, cost);
    if (best == keys[position].end()) {
      index.unindexed.push_back(position);
      continue;
    }
    for (const uint64_t hash : *best) index.entries.emplace_back(hash, position);
  }
  std::ranges::sort(index.entries);
  return index;
}

std::vector<uint64_t> keys_of(const model::Container& container) {
  std::vector<uint64_t> keys;
  const auto add = [&](Key key, const std::optional<model::Fact>& fact) {
    if (fact) keys.push_back(hash_of(key, fact->value));
  };
  keys.reserve(8 + container.annotations.size() + container.identity.kubernetes_labels.size());
  keys.push_back(hash_of(Key::kEngine, container.engine));
  add(Key::kKubernetesNamespace, container.identity.kubernetes_namespace);
  add(Key::kKubernetesPod, container.identity.kubernetes_pod);
  add(Key::kKubernetesContainer, container.identity.kubernetes_container);
  add(Key::kImage, container.identity.image);
  keys.push_back(hash_of(Key::kBundle, container.bundle));
  keys.push_back(hash_of(Key::kUid, container.uid));
  keys.push_back(hash_of(Key::kGid, container.gid));
  for (const auto& [name, value] : container.annotations)
    keys.push_back(pair_hash(Key::kAnnotation, name, value));
  for (const auto& [name, fact] : container.identity.kubernetes_labels)
    keys.push_back(pair_hash(Key::kKubernetesLabel, name, fact.value));
  return keys;
}

}  // namespace pinscope::policy
