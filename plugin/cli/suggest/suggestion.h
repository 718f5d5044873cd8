// The smallest policy with which a container goes on that has pins of the host by other means: from
// what it holds. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugin/cli/suggest/trust.h"
#include "plugin/inventory/machine/machine.h"
#include "plugin/model/bypass.h"
#include "plugin/model/container.h"
#include "plugin/model/policy.h"

namespace pinscope::cli {

// Whom the policy is for, as far as anybody vouches for it.
struct SuggestFor {
  std::string title;  // for the first line; one line
  std::string name;   // what people call it; becomes the policy's name as far as one may be so
  model::Engine engine = model::Engine::kUnknown;
  model::Identity identity;
  std::string bundle;  // empty: not known
  bool has_own_network = false;
  uint64_t space = 0;                        // the number of its mount namespace
  std::vector<model::Bypass> bypasses = {};  // those that it has now
  // Asked of pins of the host, by their paths there.
  std::function<PinTrust(const std::string& path)> trust_of;
};

struct Suggestion {
  struct Grant {
    std::string pin;
    std::string as;  // empty: the name that it has by itself
    model::Access access = model::Access::kRead;
    std::vector<std::string> comments;
  };
  std::string title;
  std::string name;
  std::vector<std::string> warnings;  // what makes the policy worthless
  std::vector<std::string> select;    // lines of YAML
  std::vector<std::string> select_comments;
  std::string at;
  std::vector<Grant> grants;
  std::vector<std::string> comments;  // what could not be told
};

// `machine`: as it is looked at for that mount namespace.
Suggestion suggest_for(const SuggestFor& whom, const inventory::Machine& machine);

// A policy that `pinscope check` accepts, whatever the names in it are: of what cannot be written
// as a scalar there is only a comment, and no comment is longer than its line.
std::string to_yaml(const Suggestion& suggestion);

}  // namespace pinscope::cli
