// A part of pinscoped: NRI, metrics, values, follow. Each runs alone or beside others, and takes
// its place in the machine before any of them runs.
#pragma once

#include <memory>
#include <thread>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"
#include "plugin/daemon/log.h"

namespace pinscope::daemon {

class Part {
 public:
  Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  virtual ~Part() = default;
  // Does its work until `stop_fd` is readable.
  virtual Status run(int stop_fd) = 0;
};

// Runs a part in a thread of its own until this object goes. An error that ends the part is logged,
// and ends nothing else.
class PartBeside {
 public:
  // `log` must outlive it.
  static Result<PartBeside> start(std::unique_ptr<Part> part, const Log& log);

  PartBeside(PartBeside&&) noexcept = default;
  PartBeside& operator=(PartBeside&&) = delete;
  ~PartBeside();

 private:
  PartBeside(std::unique_ptr<Part> part, Fd stop);

  std::unique_ptr<Part> part_;
  Fd stop_;  // an eventfd
  std::thread thread_;
};

}  // namespace pinscope::daemon
