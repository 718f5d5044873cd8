// Work in a child process, for what may never return: a file system of FUSE or of the network can
// keep a process for ever, and one whose server has taken the request and gives no answer keeps it
// even against SIGKILL. So nobody here waits for the end of a process that did not end in time, and
// no child holds a stream of ours that somebody may read to its end. This process must have one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "plugin/base/result.h"

namespace pinscope::kernel {

using Work = std::function<Result<std::string>()>;

// Runs `work` in a child and gives its result. The child has this process's descriptors but none of
// its streams; it is killed after the timeout.
Result<std::string> run_in_child(const Work& work, std::chrono::milliseconds timeout);

// The same for many pieces of work, one after the other: `work(i)` for each i below `count`, in as
// few children as that takes. `take(i, result)` is called here, in the same order. A piece that
// does not answer within the timeout is an error (ETIME), and the next has another child, forked
// behind `take`; those after it have less time, so that many such pieces hold nobody up for long. A
// child that is waiting for a file system stays until that answers or goes: who makes many pieces
// of what one container can keep from answering should leave the others out.
void run_each_in_child(size_t count, const std::function<Result<std::string>(size_t)>& work,
                       const std::function<void(size_t, Result<std::string>)>& take,
                       std::chrono::milliseconds timeout);

// Forks, and returns without an error in the child, which goes on with the program. The parent
// waits for the child, copies what it wrote to its streams to stderr, and exits with its status. In
// the parent this returns only if the child does not end in time or is killed, with an error: what
// the child had begun ends with it, before its next system call.
Status go_on_in_child(std::chrono::milliseconds timeout);

}  // namespace pinscope::kernel
