// Protobuf messages to and from the plain values of types.h. Internal to nri/: the one place
// besides ttrpc.cc and conversation.cc that sees generated code.
#pragma once

#include "plugin/nri/nri.pb.h"
#include "plugin/nri/types.h"

namespace pinscope::nri {

Pod to_pod(const wire::PodSandbox& message);
Container to_container(const wire::Container& message);
wire::ContainerAdjustment to_message(const Adjustment& adjustment);

}  // namespace pinscope::nri
