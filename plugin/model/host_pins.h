// What kernel/ tells of the host's pins before they are granted: whether they are there, which a
// glob matches, and which are one object with one that is denied.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "plugin/model/object.h"

namespace pinscope::model {

// The pins of the host that a glob matches.
struct MatchingPins {
  std::vector<std::string> pins;  // absolute paths, sorted; no directories, no symbolic links
  // Where pins were not looked for, and why: a few sentences, whatever there is.
  std::vector<std::string> left_out;
  // So much is there that some pins may be missing.
  bool is_cut_short = false;
  friend bool operator==(const MatchingPins&, const MatchingPins&) = default;
};

// What is at the place of a pin; for a glob, whether a pin matches it.
enum class AtPin { kPin, kNothing, kDirectory, kNotKnown };
using LookAtPin = std::function<AtPin(const std::string& pin)>;

// The pins that denials name: those for which `covers` holds, at `starts` or below. No start is
// below another.
struct DeniedPins {
  std::vector<std::string> starts;
  std::function<bool(const std::string& path)> covers;
};

// What a source is, and which denied pin is one of the same object; "" if none is.
struct ComparedSource {
  ObjectIdentity object;
  std::string denied_as;
  friend bool operator==(const ComparedSource&, const ComparedSource&) = default;
};

// The answer for each source in the order of the question, and what could not be compared.
struct Comparison {
  std::vector<ComparedSource> sources;
  std::vector<std::string> notes;
  friend bool operator==(const Comparison&, const Comparison&) = default;
};

}  // namespace pinscope::model
