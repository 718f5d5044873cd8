// Which of the host's denied pins are further names of objects that are to be granted: second pins,
// hard links, other mounts of the same bpffs. Called while paths are the host's.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/model/host_pins.h"

namespace pinscope::kernel {

// Answers policy::HostView::compare_objects. Opens each source, then each denied pin, three system
// calls for each of these; changes the working directory.
//
// A denied pin counts if root alone can have put it there: in a directory that belongs to root and,
// if others may write it, belonging to root itself. Otherwise whoever may make pins below a denied
// path could take objects away from containers. For the same reason no link below a start is
// followed, and such a directory is read up to a limit only, which a note says.
//
// Errors: a denied pin that cannot be opened, more of them than a limit, as root. For others what
// cannot be opened is a note.
Result<model::Comparison> compare_objects(const std::vector<std::string>& sources,
                                          const model::DeniedPins& denied);
// The same for objects that are known already, whatever names them.
Result<model::Comparison> find_objects(const std::vector<model::ObjectIdentity>& objects,
                                       const model::DeniedPins& denied);

}  // namespace pinscope::kernel
