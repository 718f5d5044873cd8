#include "tests/engines/values_daemons.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "plugin/inventory/values_service.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

constexpr const char* kDaemon = PINSCOPE_BIN_DIR "/pinscoped";

void end(pid_t& process) {
  if (process <= 0) return;
  ::kill(process, SIGTERM);
  ::waitpid(process, nullptr, 0);
  process = -1;
}

}  // namespace

ValuesDaemons::ValuesDaemons(std::string state_directory)
    : state_directory_(std::move(state_directory)) {
  start_holder();
  start_service();
}

ValuesDaemons::~ValuesDaemons() {
  end(service_);
  end(holder_);
}

void ValuesDaemons::start_holder() {
  holder_ = start("--hold", nullptr);
}

void ValuesDaemons::start_service() {
  service_ = start("--values", "--no-holder");
  EXPECT_TRUE(wait_until([&] {
    const auto found = inventory::look_at_values(state_directory_);
    return found && found->status && found->status->state == model::ValuesState::kServing;
  }));
}

void ValuesDaemons::end_holder() {
  end(holder_);
}

void ValuesDaemons::end_service() {
  end(service_);
}

pid_t ValuesDaemons::start(const char* part, const char* option) const {
  const pid_t child = check(::fork(), "fork");
  if (child != 0) return child;
  ::execl(kDaemon, kDaemon, part, "--state-dir", state_directory_.c_str(), option, nullptr);
  ::_exit(127);
}

}  // namespace pinscope::test
