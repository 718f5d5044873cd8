// The facts of an identity, by name: one list for everything that shows or reads them.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "plugin/model/container.h"

namespace pinscope::model {

struct NamedFact {
  std::string_view name;
  std::optional<Fact> Identity::*fact;
};
// Without the labels; records, audit lines and explanations call them so.
inline constexpr std::array<NamedFact, 5> kFacts = {{
    {"kubernetes_namespace", &Identity::kubernetes_namespace},
    {"kubernetes_pod", &Identity::kubernetes_pod},
    {"kubernetes_container", &Identity::kubernetes_container},
    {"kubernetes_uid", &Identity::kubernetes_uid},
    {"image", &Identity::image},
}};

}  // namespace pinscope::model
