// A container engine with NRI, as far as its plugin can tell: starts the real pinscoped as engines
// do (socket at descriptor 3, NRI_PLUGIN_* and nothing else in its environment) and calls it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/nri/ttrpc.h"
#include "tests/support/container/bundle.h"
#include "tests/support/nri/peer.h"
#include "tests/support/programs/installation.h"

namespace pinscope::test {

// What the plugin is told of a container; `id` and `pid` are a runtime's.
struct PlayedContainer {
  std::string id = "c1";
  pid_t pid = 0;
  std::string name = "app";
  std::string pod = "web-1";
  std::string kubernetes_namespace = "web";
  std::map<std::string, std::string> pod_labels;
  std::string more;  // further fields of NRI's Container
};

class PlayedEngine {
 public:
  // Starts pinscoped, which is the one of the build unless `program` says another.
  explicit PlayedEngine(const std::string& program = "");
  ~PlayedEngine();

  // The options of `installation`, in the words of the plugin's configuration.
  static std::string configuration(const Installation& installation, const std::string& more = "");

  // Takes the registration and configures; the answer to Configure.
  nri::Response configure(const std::string& configuration, const std::string& name = "containerd",
                          const std::string& version = "2.1.9", int request_timeout_ms = 2000);
  nri::Response create(const PlayedContainer& container);
  nri::Response start(const PlayedContainer& container);
  nri::Response remove(const PlayedContainer& container);
  // Many CreateContainer calls at once; how many were answered without an error.
  int create_many(const PlayedContainer& container, int count);

  // Bytes as they are, and an answer to whatever they were.
  void send(const std::string& bytes) { peer_.send(bytes); }
  nri::Response answer() { return read(); }
  // Whether it says nothing more for a moment.
  [[nodiscard]] bool is_quiet() const;
  // The highest that its memory was, in bytes.
  [[nodiscard]] uint64_t peak_memory() const;
  // Its exit status as soon as it ends by itself; nothing after that many seconds.
  std::optional<int> wait_for_end(int seconds);

  // Closes the socket or sends SIGTERM; the exit status.
  int end();
  int terminate();
  // What it wrote to stderr.
  [[nodiscard]] std::string log() const;

 private:
  nri::Response call(const std::string& method, const std::string& payload);
  nri::Response read();
  int wait();

  nri::test::Peer peer_{Fd()};
  Fd log_;
  pid_t child_ = 0;
  uint32_t stream_ = 1;
};

// The hooks of an answer to CreateContainer, by hook stage, as config.json has them.
std::map<std::string, std::vector<BundleHook>> hooks_of(const nri::Response& response);

}  // namespace pinscope::test
