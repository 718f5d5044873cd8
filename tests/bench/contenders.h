// How our own programs are called, for every scenario alike.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "tests/bench/fixture.h"

namespace pinscope::bench {

inline constexpr const char* kContainer = "bench-9f1c0a77b0f2";

// `programs` is the directory of the build: bin/ and bench/ are below.
std::vector<std::string> hook_arguments(const std::string& programs, const Site& site,
                                        const std::string& stage);

// Puts the policies of a site in force, as an administrator does after an edit.
Status compile_policies(const std::string& programs, const Site& site);

}  // namespace pinscope::bench
