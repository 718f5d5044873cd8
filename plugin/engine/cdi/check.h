// What is wrong with a CDI specification. Engines drop a file with any of this as a whole, and say
// so only in their logs.
#pragma once

#include <string>
#include <vector>

namespace pinscope::engine {

struct CdiProblem {
  std::string place;  // a JSON pointer: /devices/0/name; empty for the whole file
  std::string message;
};

// All problems of `text`, in its order; none: every engine that knows the version takes it. Holds
// it to SPEC.md of CDI 1.1.0 and to what its Go packages check on top (pkg/cdi, pkg/parser,
// specs-go/version.go): fields, names, hook names, and that the version has what is used. JSON
// only. `name` is for the message about text that is not JSON.
std::vector<CdiProblem> cdi_problems(std::string text, const std::string& name);

}  // namespace pinscope::engine
