// Work in a process of its own, for what may never come back: a file system of FUSE or of the
// network can keep a process for ever, and one whose server has taken the request and gives no
// answer keeps it even against SIGKILL. So nobody here waits for the end of a process that did not
// end in time, and no child holds a stream of ours that somebody may read to its end. This process
// must have one thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::kernel {

using Work = std::function<Result<std::string>()>;

// Gives what `work` gives; of an error only its sentence comes back. The child has this process's
// descriptors and none of its streams; it is killed if it takes longer than that.
Result<std::string> run_in_child(const Work& work, std::chrono::milliseconds patience);

// Goes on in a child: in it this returns no error. This process waits for the child and ends with
// its status, after handing on to stderr what the child wrote to its streams. Only where the child
// does not end in time, or is killed, does this return here, with an error: what the child had
// begun ends with it, before its next system call.
Status go_on_in_child(std::chrono::milliseconds patience);

}  // namespace pinscope::kernel
