// A client of the container runtime interface (CRI), the one that the kubelet speaks: what a node's
// containerd gets when a pod is scheduled there. For tests; one call is one method of the
// interface. Every call throws CriError where the engine refuses.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace pinscope::test {

// what() is the engine's own sentence.
class CriError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Words = std::map<std::string, std::string>;

struct PodSpec {
  std::string name = "web-1";
  std::string kubernetes_namespace = "web";
  std::string uid = "11111111-2222-3333-4444-555555555555";
  std::string handler;  // of a RuntimeClass; "" for the engine's default
  Words labels;
  Words annotations;
};

struct CriContainerSpec {
  enum class Seccomp { kRuntimeDefault, kUnconfined, kLocalhost };

  std::string name = "app";
  std::string image;
  std::vector<std::string> command;
  Seccomp seccomp = Seccomp::kRuntimeDefault;
  std::string seccomp_profile;  // path on the node, for kLocalhost
  bool privileged = false;
  std::vector<std::string> added_capabilities;  // "BPF"
  std::vector<std::string> cdi_devices;
  Words labels;
  Words annotations;
};

// A pod that was asked for, to refer to it.
struct Pod {
  std::string id;
  PodSpec spec;
};

class CriClient {
 public:
  // `socket`: a path of this process; `logs`: the directory of the node where containers' output
  // goes, and `logs_here` where this process finds it.
  CriClient(const std::string& socket, std::string logs, std::string logs_here);
  ~CriClient();
  CriClient(const CriClient&) = delete;
  CriClient& operator=(const CriClient&) = delete;

  // "containerd 2.1.9"; an empty string while the engine does not answer.
  [[nodiscard]] std::string version() const;
  // The engine serves pods. What it says of the network does not count: pods here use the host's.
  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] bool has_image(const std::string& image) const;

  Pod run_pod(const PodSpec& spec = {}) const;
  void stop_pod(const Pod& pod) const;
  void remove_pod(const Pod& pod) const;
  [[nodiscard]] std::vector<std::string> pods() const;

  [[nodiscard]] std::string create(const Pod& pod, const CriContainerSpec& spec) const;
  void start(const std::string& container) const;
  void stop(const std::string& container) const;  // kills at once
  void remove(const std::string& container) const;
  [[nodiscard]] std::vector<std::string> containers() const;
  // Waits for the end of its process; its exit status.
  [[nodiscard]] int wait(const std::string& container) const;
  // What it has written so far, both streams, without the engine's time stamps.
  [[nodiscard]] std::string logs(const std::string& container) const;

  // create, start, wait, remove: what its process has written.
  [[nodiscard]] std::string run(const Pod& pod, const CriContainerSpec& spec) const;

 private:
  struct Channel;
  std::unique_ptr<Channel> channel_;
  std::string logs_;
  std::string logs_here_;
};

}  // namespace pinscope::test
