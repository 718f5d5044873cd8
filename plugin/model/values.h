// Values: a map's entries, shown to a container as files that it reads without bpf(2). The words
// that policies and every output have for it. Passive data.
#pragma once

#include <cstdint>

namespace pinscope::model {

// How a key or a value is written: JSON by its types, text for people, or the very bytes.
enum class ValueForm { kJson, kText, kRaw };

// Whether a grant shows values: beside its pin, instead of it, or not at all.
enum class ValuesMode { kNone, kAlso, kOnly };

// Where values are in a container, if its policies do not say it.
inline constexpr const char* kDefaultValuesAt = "/run/bpf";
// How many entries a directory lists, if the policy does not say it.
inline constexpr uint32_t kDefaultListed = 10000;
// The longest time for which the kernel may be told to keep a value: an hour, in milliseconds.
inline constexpr uint32_t kLongestMaxAgeMs = 3600000;

// How the values of one grant are shown.
struct Values {
  ValueForm form = ValueForm::kJson;
  uint32_t list = kDefaultListed;  // entries of the directory; look-ups by name go on beyond it
  uint32_t max_age_ms = 0;         // how old a value may be that is shown
  friend bool operator==(const Values&, const Values&) = default;
};

// "json", "text", "raw"; "none", "also", "only": the words of policies and of every output.
const char* name_of(ValueForm form);
const char* name_of(ValuesMode mode);

}  // namespace pinscope::model
