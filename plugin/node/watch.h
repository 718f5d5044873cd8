// Watch: sleeps until one of the watched directories has changed, or until the program is told to
// end.
#pragma once

#include <chrono>
#include <string>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::node {

class Watch {
 public:
  // From here on SIGTERM, SIGINT and SIGHUP end no process of this program; wait() gives them.
  static Result<Watch> start();

  // Adding a directory again does nothing, unless another one has taken its place.
  [[nodiscard]] Status add(const std::string& directory) const;

  enum class Event { kChanged, kTimeout, kStop };
  // SIGHUP counts as a change. Changes that follow each other closely are one: it returns when
  // there was none for a moment, or at the latest a second after the first.
  [[nodiscard]] Result<Event> wait(std::chrono::milliseconds longest) const;

 private:
  Watch(Fd inotify, Fd signals) : inotify_(std::move(inotify)), signals_(std::move(signals)) {}

  Fd inotify_;
  Fd signals_;
};

}  // namespace pinscope::node
