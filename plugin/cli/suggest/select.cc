#include "plugin/cli/suggest/select.h"

#include <optional>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/policy/glob.h"

namespace pinscope::cli {
namespace {

constexpr const char* kNobody = "bundle: \"/write/here/whom/this/is/for\"";

class Selector {
 public:
  Selector(const SuggestFor& whom, Suggestion& suggestion) : whom_(whom), suggestion_(suggestion) {}

  void select() {
    const std::string engine = model::engine_name(whom_.engine);
    if (!engine.empty()) add("engine: " + engine);
    const auto& identity = whom_.identity;
    if (identity.kubernetes_namespace || identity.kubernetes_container)
      by_kubernetes();
    else if (whom_.engine != model::Engine::kUnknown)
      by_engine();
    else
      by_bundle("whom this is for could not be told");
    if (identity.image) comment("its image is " + quoted(identity.image->value));
  }

 private:
  void add(std::string line) { suggestion_.select.push_back(std::move(line)); }
  void comment(std::string text) { suggestion_.select_comments.push_back(std::move(text)); }

  // What says who it is and cannot be written is not left out: others would be selected, too.
  void by_kubernetes() {
    const auto& identity = whom_.identity;
    const std::pair<const char*, const std::optional<model::Fact>&> facts[] = {
        {"namespace", identity.kubernetes_namespace}, {"container", identity.kubernetes_container}};
    for (const auto& [key, fact] : facts)
      if (fact && !is_exact(fact->value))
        return by_bundle(std::string("its ") + key + " " + quoted(fact->value) +
                         " cannot be written so that no other is meant");
    std::string text;
    for (const auto& [key, fact] : facts)
      if (fact)
        text += (text.empty() ? "" : ", ") + std::string(key) + ": " + quoted(fact->value);
      else
        comment(std::string("every ") + key + " is selected: the engine names none of this one");
    std::string labels;
    for (const auto& [key, fact] : identity.kubernetes_labels) {
      if (is_exact(key) && is_exact(fact.value))
        labels += (labels.empty() ? "" : ", ") + quoted(key) + ": " + quoted(fact.value);
      else
        comment("pods without its label " + quoted(key) + ": " + quoted(fact.value) +
                " are selected, too: it cannot be written so that no other is meant");
    }
    if (!labels.empty()) text += ", labels: {" + labels + "}";
    add("kubernetes: {" + text + "}");
    if (identity.kubernetes_pod)
      comment("the pod was " + quoted(identity.kubernetes_pod->value) +
              "; labels of it tell its containers from others of this name");
  }

  void by_engine() {
    if (whom_.has_own_network) add("namespaces: {net: private}");
    comment(
        "every container of this engine that is so is selected: its engine vouches for nothing "
        "that tells this one from the others; add what you know (annotations, user, bundle)");
  }

  // `why`: there is nothing better.
  void by_bundle(const std::string& why) {
    if (is_exact(whom_.bundle)) {
      add("bundle: " + quoted(whom_.bundle));
      if (whom_.engine != model::Engine::kUnknown)
        comment(why +
                ": its bundle is this container's alone, and another one after it has another");
      return;
    }
    add(kNobody);
    comment(why + ": as it is, it selects nobody");
  }

  const SuggestFor& whom_;
  Suggestion& suggestion_;
};

}  // namespace

bool can_be_written(const std::string& text) {
  return one_line(text) == text;
}

bool is_exact(const std::string& text) {
  return can_be_written(text) && !policy::is_glob(text) && !text.empty();
}

std::string policy_name(const std::string& name) {
  std::string result;
  for (const char byte : name) {
    const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
    if (is_plain)
      result += byte;
    else if (!result.empty() && result.back() != '-')
      result += '-';
    if (result.size() >= 40) break;
  }
  while (result.ends_with('-')) result.pop_back();
  // A number alone is a poor name.
  if (result.find_first_not_of("0123456789-") == std::string::npos)
    result = "suggested" + (result.empty() ? "" : "-" + result);
  return result;
}

void select_for(const SuggestFor& whom, Suggestion& suggestion) {
  Selector(whom, suggestion).select();
}

}  // namespace pinscope::cli
