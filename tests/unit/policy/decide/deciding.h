// Short ways to write policies down and to see what decide() makes of them, for the tests of it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/policy/decide/decide.h"
#include "plugin/policy/glob.h"

namespace pinscope::policy {

struct FakeHost {
  std::vector<std::string> pins;
  std::map<std::string, uint32_t> maps = {};  // pins of maps and the ids of these
  bool programs_reach_machine = false;
  std::map<std::string, model::ObjectInfo> objects = {};

  [[nodiscard]] HostView view() const {
    HostView host;
    host.same_namespace = [](const model::Container&, model::NamespaceKind, const std::string&) {
      return false;
    };
    host.pins_matching = [this](const model::Pattern& glob) -> Result<model::MatchingPins> {
      model::MatchingPins found;
      for (const auto& pin : pins)
        if (glob_matches(glob, pin)) found.pins.push_back(pin);
      return found;
    };
    host.compare_objects = [this](const std::vector<std::string>& sources,
                                  const model::DeniedPins& denied) -> Result<model::Comparison> {
      model::Comparison comparison;
      for (const auto& source : sources) {
        auto& compared = comparison.sources.emplace_back();
        const auto map = maps.find(source);
        if (map == maps.end()) continue;
        compared.object.id = map->second;
        for (const auto& [path, id] : maps)
          if (id == map->second && denied.covers(path)) compared.denied_as = path;
      }
      return comparison;
    };
    host.objects_at = [this](const std::vector<std::string>& sources)
        -> Result<std::vector<std::optional<model::ObjectInfo>>> {
      std::vector<std::optional<model::ObjectInfo>> found;
      for (const auto& source : sources) {
        const auto object = objects.find(source);
        found.push_back(object == objects.end() ? std::nullopt : std::optional(object->second));
      }
      return found;
    };
    host.programs_reach_machine = [this] { return programs_reach_machine; };
    return host;
  }
};

inline model::Grant grant(std::string pin, std::string as = "",
                          model::Access access = model::Access::kRead, uint32_t line = 10) {
  model::Grant made;
  made.place = {"p.yaml", line, 7};
  made.pin = std::move(pin);
  made.as = std::move(as);
  made.access = access;
  return made;
}

inline model::Deny deny(std::string pin, uint32_t line = 20) {
  return {{"p.yaml", line, 7}, std::move(pin)};
}

inline model::Policy policy(std::string name, std::vector<model::Grant> grants,
                            std::vector<model::Deny> denials = {}) {
  model::Policy made;
  made.place = {name + ".yaml", 1, 1};
  for (auto& one : grants) one.place.file = made.place.file;
  for (auto& one : denials) one.place.file = made.place.file;
  made.name = std::move(name);
  made.grants = std::move(grants);
  made.denials = std::move(denials);
  return made;
}

inline model::Container container() {
  model::Container made;
  made.id = "web-1";
  made.uid = 1000;
  made.gid = 1001;
  return made;
}

inline model::Decision decided(const std::vector<model::Policy>& policies,
                               const FakeHost& host = {}) {
  auto decision = decide(policies, container(), host.view());
  EXPECT_TRUE(decision) << decision.error().sentence();
  return decision ? *decision : model::Decision{};
}

inline Error refused(const std::vector<model::Policy>& policies, const FakeHost& host = {}) {
  const auto decision = decide(policies, container(), host.view());
  EXPECT_FALSE(decision);
  return decision ? Error(ErrorCode::kInternal, "") : decision.error();
}

inline std::vector<std::string> names(const model::Decision& decision) {
  std::vector<std::string> all;
  all.reserve(decision.grants.size());
  for (const auto& pin : decision.grants) all.push_back(pin.name + " <- " + pin.source);
  return all;
}

}  // namespace pinscope::policy
