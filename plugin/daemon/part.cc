#include "plugin/daemon/part.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

namespace pinscope::daemon {

PartBeside::PartBeside(std::unique_ptr<Part> part, Fd stop)
    : part_(std::move(part)), stop_(std::move(stop)) {
}

Result<PartBeside> PartBeside::start(std::unique_ptr<Part> part, const Log& log) {
  Fd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return std::unexpected(Error::system("make an eventfd", errno));
  PartBeside beside(std::move(part), std::move(stop));
  beside.thread_ = std::thread([part = beside.part_.get(), stop = beside.stop_.get(), &log] {
    if (const auto ended = part->run(stop); !ended)
      log.write(Severity::kError, ended.error().sentence());
  });
  return beside;
}

PartBeside::~PartBeside() {
  if (!thread_.joinable()) return;
  (void)::eventfd_write(stop_.get(), 1);
  thread_.join();
}

}  // namespace pinscope::daemon
