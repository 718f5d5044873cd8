// A plugin that writes down what it is asked and answers as the test says.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/text.h"
#include "plugin/nri/plugin.h"

namespace pinscope::nri::test {

class RecordingPlugin : public Plugin {
 public:
  Result<EventMask> configure(const RuntimeInfo& runtime) override {
    runtime_info = runtime;
    log("configure " + runtime.name + " " + runtime.version);
    if (configure_error) return std::unexpected(*configure_error);
    return wanted;
  }
  Status synchronize(const SynchronizeRequest& part) override {
    log("synchronize " + std::to_string(part.pods_size()) + " " +
        std::to_string(part.containers_size()) + (part.more() ? " more" : ""));
    return {};
  }
  Result<ContainerAdjustment> create_container(const PodSandbox& pod, const Container& container,
                                               Time deadline) override {
    last_pod = pod;
    last_container = container;
    last_deadline = deadline;
    log("create " + pod.namespace_() + "/" + pod.name() + "/" + container.name());
    if (while_creating) while_creating();
    if (error) return std::unexpected(*error);
    return adjustment;
  }
  Status state_change(Event event, const PodSandbox& pod, const Container& container,
                      Time deadline) override {
    last_pod = pod;
    last_container = container;
    last_deadline = deadline;
    log(std::string(event_name(event)) + " " + pod.name() + "/" + container.id());
    if (error) return std::unexpected(*error);
    return {};
  }
  void disconnected(const std::string& why) override { log("disconnected: " + why); }

  EventMask wanted = mask_of(Event::kCreateContainer, Event::kRemoveContainer);
  ContainerAdjustment adjustment;
  std::optional<Error> error;
  std::optional<Error> configure_error;
  std::function<void()> while_creating;  // before an answer to CreateContainer

  RuntimeInfo runtime_info;
  PodSandbox last_pod;
  Container last_container;
  Time last_deadline;
  std::vector<std::string> asked;

  // Waits until it has been asked this, in another thread.
  [[nodiscard]] bool comes(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return std::ranges::find(asked, line) != asked.end(); });
  }

 private:
  void log(std::string line) {
    const std::lock_guard lock(mutex_);
    asked.push_back(std::move(line));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace pinscope::nri::test
