// A test of policies as somebody wrote it down: containers, and what is expected of each. Made by
// language/ from a document of kind PolicyTest; passive data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/base/error.h"
#include "plugin/model/container.h"
#include "plugin/model/policy.h"
#include "plugin/policy/decide/told.h"

namespace pinscope::policy {

// Something that is expected, and where that is said.
template <typename T>
struct Said {
  model::Place at;
  T value;
};

// A grant, as a policy writes it: one pin, under one name.
struct ExpectedGrant {
  std::string pin;
  std::string name;  // in the view
  model::Access access = model::Access::kRead;
  // What is not set is not asked.
  std::optional<model::ValuesMode> values = {};  // whether it is a pin, and shows values
  std::optional<model::Missing> missing = {};
  std::optional<bool> follow = {};
};

// Pins that must not be granted, and the line that says so, for a warning about it.
struct ForbiddenPins {
  model::Place at;
  model::Pattern value;  // a pin, a glob, or a directory of pins
  std::string snippet;
};

// At least one of these is there. Lists are complete: what is not in them must not be.
struct Expectations {
  std::optional<Said<std::vector<std::string>>> selected_by;  // names of policies
  std::optional<Said<std::vector<Said<ExpectedGrant>>>> grants;
  std::optional<Said<std::vector<std::string>>> refused;  // pins that a denial takes away
  std::vector<ForbiddenPins> not_granted;
  std::optional<Said<bool>> delegates;
  // Keys that are not set are not asked; of `values` nothing but `at`.
  std::optional<Said<model::View>> view;
  std::optional<Said<ErrorCode>> error;  // there is no decision; nothing else
};

struct TestSubject {
  model::Place place;
  std::string name;
  // What is not told of the facts, labels and annotations is not there; user, bundle, engine and
  // namespaces every container has, and they are not known if they are not told.
  model::Container container;
  Told told;
  Expectations expected;
};

struct PolicyTest {
  model::Place place;
  std::string name;
  std::string policies;  // a path, relative to the test's file; may be empty
  model::Place policies_at;
  std::optional<std::vector<std::string>> pins;  // all that are on the machine
  std::vector<TestSubject> subjects;             // at least one, no two with one name
};

}  // namespace pinscope::policy
