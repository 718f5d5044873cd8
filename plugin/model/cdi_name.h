// The names of CDI devices: policies are offered by them, and engine/ writes them.
#pragma once

#include <string_view>

namespace pinscope::model {

// Whether `name` can be that of a CDI device (CDI SPEC.md, "CDI Devices", and its parser.go):
// letters and digits, with "_", "-", "." and ":" between them.
bool is_cdi_device_name(std::string_view name);

}  // namespace pinscope::model
