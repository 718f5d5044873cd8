// What other policies would change for one container, before it is printed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/container.h"
#include "plugin/model/decision.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/compare.h"

namespace pinscope::cli {

// What one set of policies gives a container.
struct Outcome {
  model::Decision decision;
  policy::PastView past;      // what it has beside its view
  std::vector<Error> errors;  // why it would not start; the decision may be empty then
  // What the decision depends on and nobody told: sentences. It goes as if none of it held.
  std::vector<std::string> undecided = {};
  // The policies that select it, and those that may: what the decision can depend on.
  std::vector<model::Policy> concerned = {};
};

struct Difference {
  std::string title;  // "web (podman, 3f2a1b0c9d8e)", or the subject's name
  std::string id;     // of a container
  model::Engine engine = model::Engine::kUnknown;
  std::string name;                    // the engine's, or the subject's
  std::optional<Error> unreadable;     // then nothing else is known
  std::vector<std::string> undecided;  // of either outcome
  // Something is undecided, and the policies that it can depend on are not the same.
  bool uncertain = false;
  std::vector<policy::ComparedGrant> grants;
  std::vector<policy::ViewChange> view;
  std::vector<model::Bypass> everything;    // by which it has every object before and after
  std::vector<model::RefusedPin> refusals;  // by the new policies
  std::vector<Error> before;                // why it would not start
  std::vector<Error> after;

  [[nodiscard]] bool stops() const { return before.empty() && !after.empty(); }
  [[nodiscard]] bool starts_now() const { return !before.empty() && after.empty(); }
  [[nodiscard]] bool is_uncertain() const { return uncertain; }
  [[nodiscard]] bool gives_more() const;  // for certain
  [[nodiscard]] bool changes() const;     // for certain
  // What cannot be said counts as more: somebody who waits for "no difference" must not get it.
  [[nodiscard]] bool widens() const { return gives_more() || uncertain; }
  [[nodiscard]] bool differs() const { return changes() || uncertain; }
};

// What is known of a container that one of them does not start is only that.
void compare(const Outcome& before, const Outcome& after, Difference& difference);

struct Comparison {
  std::string old_policies;  // their path
  std::string new_policies;
  std::vector<Difference> all;     // those that widen first, then those that differ, by title
  bool of_subjects = false;        // of policy tests, instead of containers
  std::vector<std::string> notes;  // what the reader has to know of the policies
  std::vector<Error> not_seen;     // where containers could be that were not found

  void sort();
  [[nodiscard]] size_t count(bool (Difference::*is)() const) const;
  [[nodiscard]] size_t unreadable() const;
};

}  // namespace pinscope::cli
