// Expectations of policy tests that hold by a typing error: pins that must not be granted, and that
// nobody could be granted.
#pragma once

#include <vector>

#include "plugin/model/policy.h"
#include "plugin/policy/language/diagnostic.h"
#include "plugin/policy/testing/policy_test.h"

namespace pinscope::policy {

// A warning, with the line, for each entry of `notGranted` that can mean nothing that a grant or a
// denial of `policies`, the test's `pins` or what it expects to be granted or refused names.
std::vector<Diagnostic> check_not_granted(const PolicyTest& test,
                                          const std::vector<model::Policy>& policies);

}  // namespace pinscope::policy
