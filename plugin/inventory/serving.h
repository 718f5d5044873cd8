// Whether the values that a container shows are served: its record joined with what the service
// says of itself. No container's file system is asked, which would wait for the service.
#pragma once

#include <span>
#include <string>

#include "plugin/inventory/live.h"
#include "plugin/inventory/values_service.h"
#include "plugin/model/record.h"

namespace pinscope::inventory {

// Of the values of a running container with this id, which are where they were attached.
ServingState serving_of(const ValuesService& found, const std::string& id);

// Says of each that shows values whether they are served; asks once, and only if there is one.
// `lives`: in the order of the records, after Examiner::examine_all().
void look_at_serving(const std::string& state_directory, std::span<const model::Record> records,
                     std::span<Live> lives);

}  // namespace pinscope::inventory
