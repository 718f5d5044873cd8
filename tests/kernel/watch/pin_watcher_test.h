// A bpffs with pins, and a watcher of them whose clock is the test's.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "plugin/kernel/watch/pin_watcher.h"
#include "tests/support/bpf/bpf_objects.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/mounts.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {

using kernel::NamePattern;
using kernel::PinWatcher;
using kernel::WatchedSource;
using Ids = std::vector<uint64_t>;

class PinWatcherTest : public testing::Test {
 protected:
  TempDirectory directory_;
  Mounted bpf_ = Mounted::bpf(directory_.make_directory("bpf"));
  HostPins pins_;
  PinWatcher::Time now_ = PinWatcher::Time(std::chrono::hours(1));

  static PinWatcher make(const PinWatcher::Limits& limits = {}) {
    return std::move(PinWatcher::open(limits)).value();
  }
  [[nodiscard]] std::string at(const std::string& name) const { return bpf_.path(name); }
  static void make_directory(const std::string& path) {
    check(::mkdir(path.c_str(), 0755), "mkdir " + path);
  }
  static void move(const std::string& from, const std::string& to) {
    check(::rename(from.c_str(), to.c_str()), "rename " + from);
  }
  // What has happened by now, a second later: nothing waits for its turn any more.
  Ids changes(PinWatcher& watcher) {
    Ids ids = watcher.take(now_);
    now_ += std::chrono::seconds(3);
    for (const uint64_t id : watcher.take(now_))
      if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
    std::ranges::sort(ids);
    return ids;
  }
  static bool wakes(const PinWatcher& watcher) {
    struct pollfd asked = {watcher.fd(), POLLIN, 0};
    return check(::poll(&asked, 1, 0), "poll") == 1;
  }
  static NamePattern any_name() {
    return {NamePattern::Kind::kMatching, "*", [](std::string_view) { return true; }};
  }
  static NamePattern any_depth() { return {NamePattern::Kind::kAnyDepth, "**", {}}; }
  static NamePattern exactly(std::string name) {
    return {NamePattern::Kind::kExactly, std::move(name), {}};
  }
};

}  // namespace pinscope::test
