// Whether the pins that policies name are on this machine, for whoever tells people about policies.
// Nothing is opened, and no container is asked about.
#pragma once

#include "plugin/model/host_pins.h"

namespace pinscope {

// Looks where the hook would. kNotKnown for what the caller may not look at, or what is neither a
// pin nor a directory.
model::LookAtPin pins_of_this_machine();

}  // namespace pinscope
