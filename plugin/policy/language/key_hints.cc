#include "plugin/policy/language/key_hints.h"

#include <algorithm>
#include <array>

#include "plugin/base/text.h"

namespace pinscope::policy {
namespace {

struct Misplaced {
  std::string_view mapping;
  std::string_view key;
  std::string_view hint;
};

constexpr std::string_view kBelowKubernetes = "it belongs below \"kubernetes\"";
constexpr std::string_view kBelowUser = "it belongs below \"user\"";
constexpr std::string_view kBelowNamespaces = "it belongs below \"namespaces\"";
constexpr std::string_view kBelowView = "it belongs below \"view\"";
constexpr std::string_view kBelowValues = "it belongs below \"values\"";
constexpr std::string_view kBelowOwner = "it belongs below \"owner\"";
constexpr std::string_view kBelowExpect = "it belongs below \"expect\"";
constexpr std::string_view kBelowMetadata = "it belongs below \"metadata\"";
constexpr std::string_view kBelowSpec = "it belongs below \"spec\"";
constexpr std::string_view kInGrant = "it belongs in a grant";

constexpr std::string_view kNoName =
    "no engine tells a hook the name of a container but in a pod, where it is "
    "kubernetes.container; elsewhere use bundle";

constexpr auto kMisplaced = std::to_array<Misplaced>({
    {"a policy", "name", kBelowMetadata},
    {"a policy", "select", kBelowSpec},
    {"a policy", "exclude", kBelowSpec},
    {"a policy", "view", kBelowSpec},
    {"a policy", "grants", kBelowSpec},
    {"a policy", "deny", kBelowSpec},
    {"a policy", "delegate", kBelowSpec},
    {"a policy", "cdi", kBelowSpec},
    {"a policy", "onChange", kBelowSpec},
    {"\"spec\"", "at", kBelowView},
    {"\"spec\"", "follow", kInGrant},
    {"\"spec\"", "missing", kInGrant},
    {"\"spec\"", "delegation", "did you mean \"delegate\"?"},
    {"\"spec\"", "layout", kBelowView},
    {"\"spec\"", "hostBpffs", kBelowView},
    {"\"spec\"", "void", kBelowView},
    {"\"spec\"", "values", kBelowView},
    {"\"view\"", "onChange", "it belongs beside \"view\", below \"spec\""},
    {"\"view\"", "follow", kInGrant},
    {"\"view\"", "mode", kBelowValues},
    {"\"view\"", "form", kBelowValues},
    {"\"view\"", "list", kBelowValues},
    {"\"view\"", "maxAge", kBelowValues},
    {"\"view\"", "grants", "it belongs below \"spec\", or below \"values\""},
    {"\"values\"", "format", "did you mean \"form\"?"},
    {"\"values\"", "path", "did you mean \"at\"?"},
    {"\"values\"", "limit", "did you mean \"list\"?"},
    {"\"values\"", "max_age", "did you mean \"maxAge\"?"},
    {"\"values\"", "layout", kBelowView},
    {"\"values\"", "hostBpffs", kBelowView},
    {"\"spec\"", "name", kBelowMetadata},
    {"\"spec\"", "device", "did you mean \"cdi\"?"},
    {"\"spec\"", "selector", "did you mean \"select\"?"},
    {"\"spec\"", "except", "did you mean \"exclude\"?"},
    {"\"spec\"", "unless", "did you mean \"exclude\"?"},
    {"\"spec\"", "denials", "did you mean \"deny\"?"},
    {"\"select\"", "exclude", "it belongs beside \"select\", below \"spec\""},
    {"\"select\"", "namespace", kBelowKubernetes},
    {"\"select\"", "pod", kBelowKubernetes},
    {"\"select\"", "container", kBelowKubernetes},
    {"\"select\"", "uid", kBelowUser},
    {"\"select\"", "gid", kBelowUser},
    {"\"select\"", "name", kNoName},
    {"\"select\"", "net", kBelowNamespaces},
    {"\"select\"", "pid", kBelowNamespaces},
    {"\"select\"", "mnt", kBelowNamespaces},
    {"\"select\"", "labels", kBelowKubernetes},
    {"\"select\"", "podSelector", kBelowKubernetes},
    {"\"kubernetes\"", "annotations", "it belongs below \"select\""},
    {"\"kubernetes\"", "name", "did you mean \"pod\"?"},
    {"\"namespaces\"", "network", "did you mean \"net\"?"},
    {"\"namespaces\"", "mount", "did you mean \"mnt\"?"},
    {"\"delegate\"", "cmds", "did you mean \"commands\"?"},
    {"\"delegate\"", "progs", "did you mean \"programs\"?"},
    {"\"delegate\"", "attachs", "did you mean \"attach\"?"},
    {"\"delegate\"", "attachTypes", "did you mean \"attach\"?"},
    {"a grant", "uid", kBelowOwner},
    {"a grant", "gid", kBelowOwner},
    {"a grant", "kind", kBelowExpect},
    {"a grant", "type", kBelowExpect},
    {"a grant", "keySize", kBelowExpect},
    {"a grant", "valueSize", kBelowExpect},
    {"a grant", "maxEntries", kBelowExpect},
    {"a grant", "onChange", kBelowSpec},
    {"a grant", "watch", "did you mean \"follow\"?"},
    {"a grant", "wait", "did you mean missing: wait?"},
    {"a grant", "optional", "did you mean missing: skip?"},
    {"a grant", "path", "did you mean \"pin\"?"},
    {"a grant", "source", "did you mean \"pin\"?"},
    {"a grant", "map", "did you mean \"pin\"?"},
    {"a grant", "name", "did you mean \"as\"?"},
    {"a grant", "form", "it belongs below \"view\", in \"values\""},
    {"a grant", "list", "it belongs below \"view\", in \"values\""},
    {"a grant", "maxAge", "it belongs below \"view\", in \"values\""},
});

// Words that people write for ours, and that are too far from them to be typing errors.
struct OtherWord {
  std::string_view word;
  std::string_view ours;
};

constexpr auto kOtherWords = std::to_array<OtherWord>({
    {"ro", "read"},       {"r", "read"},        {"readonly", "read"},    {"read-only", "read"},
    {"rw", "read-write"}, {"w", "read-write"},  {"write", "read-write"}, {"wo", "read-write"},
    {"x", "use"},         {"execute", "use"},   {"attach", "use"},       {"error", "fail"},
    {"ignore", "skip"},   {"optional", "skip"}, {"hide", "mask"},        {"deny", "reject"},
    {"refuse", "reject"}, {"prog", "program"},  {"cri-o", "crio"},       {"both", "also"},
    {"beside", "also"},   {"too", "also"},      {"yes", "also"},         {"true", "also"},
    {"false", "none"},    {"never", "none"},    {"binary", "raw"},       {"bytes", "raw"},
    {"plain", "text"},    {"await", "wait"},    {"later", "wait"},       {"pending", "wait"},
    {"enforce", "apply"}, {"update", "apply"},  {"warn", "report"},
});

}  // namespace

std::string_view our_word_for(std::string_view word, std::span<const std::string_view> ours) {
  for (const auto& entry : kOtherWords)
    if (entry.word == word && std::ranges::find(ours, entry.ours) != ours.end()) return entry.ours;
  return nearest(word, {ours.begin(), ours.end()});
}

std::string hint_for_misplaced_key(std::string_view mapping, std::string_view key) {
  if (mapping == kExclusion) mapping = "\"select\"";
  for (const auto& entry : kMisplaced)
    if (entry.mapping == mapping && entry.key == key) return std::string(entry.hint);
  return "";
}

}  // namespace pinscope::policy
