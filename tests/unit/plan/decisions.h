// Decisions for the tests of plans: one line each.
#pragma once

#include <string>
#include <utility>

#include "plugin/model/decision.h"

namespace pinscope::plan {

inline model::GrantedPin granted(std::string name, model::Access access) {
  model::GrantedPin grant;
  grant.source = "/sys/fs/bpf/" + name;
  grant.name = std::move(name);
  grant.access = access;
  grant.mode = access == model::Access::kRead ? 0440 : 0660;
  grant.rule = {"p", {"p.yaml", 3, 5}};
  return grant;
}

inline model::GrantedPin readable(std::string name) {
  return granted(std::move(name), model::Access::kRead);
}

inline model::GrantedPin writable(std::string name) {
  return granted(std::move(name), model::Access::kReadWrite);
}

inline model::Decision deciding(std::vector<model::GrantedPin> grants,
                                model::Layout layout = model::Layout::kShared) {
  model::Decision decision;
  decision.selected_by.push_back({"p", {"p.yaml", 1, 1}});
  decision.layout = layout;
  decision.grants = std::move(grants);
  return decision;
}

}  // namespace pinscope::plan
