// Several policy files as one, so that one rename changes them all: how the agent of a Kubernetes
// node writes the policies of a ConfigMap. Places in such a file are those of the texts that it was
// made of: "kubernetes.yaml/flows.yaml:3:5" is line 3 of the ConfigMap's key "flows.yaml".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/policy/language/load.h"

namespace pinscope::policy {

std::string combine(const std::vector<Text>& texts);
bool is_combined(std::string_view text);

// The texts that `text`, of the file `file`, was combined of, called FILE/NAME; itself if it was
// not. Each ends with a newline and has no byte order mark, whatever it had before.
std::vector<Text> parts_of(std::string text, const std::string& file);

}  // namespace pinscope::policy
