#include "tests/engines/played_engine.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string_view>

#include "plugin/nri/nri.pb.h"

namespace pinscope::test {
namespace {

using nri::test::accepted;
using nri::test::entry;
using nri::test::field;

constexpr uint64_t kStartContainer = 6;
constexpr uint64_t kRemoveContainer = 11;

std::string pod_bytes(const PlayedContainer& container) {
  std::string bytes = field(1, "pod-id") + field(2, container.pod) + field(3, "uid-1") +
                      field(4, container.kubernetes_namespace);
  for (const auto& [key, value] : container.pod_labels) bytes += entry(5, key, value);
  return bytes;
}

std::string container_bytes(const PlayedContainer& container) {
  return field(1, container.id) + field(2, "pod-id") + field(3, container.name) +
         field(12, static_cast<uint64_t>(container.pid)) + container.more;
}

std::string about(const PlayedContainer& container) {
  return field(1, pod_bytes(container)) + field(2, container_bytes(container));
}

std::string event(uint64_t number, const PlayedContainer& container) {
  return field(1, number) + field(2, pod_bytes(container)) + field(3, container_bytes(container));
}

[[noreturn]] void become(const std::string& program, int socket, int log) {
  ::dup2(log, STDERR_FILENO);
  ::dup2(socket, 3);
  ::close_range(4, ~0U, 0);
  char* argv[] = {const_cast<char*>(program.c_str()), nullptr};
  char name[] = "NRI_PLUGIN_NAME=pinscope";
  char index[] = "NRI_PLUGIN_IDX=50";
  char descriptor[] = "NRI_PLUGIN_SOCKET=3";
  char* environment[] = {name, index, descriptor, nullptr};
  ::execve(program.c_str(), argv, environment);
  ::_exit(127);
}

std::vector<BundleHook> bundle_hooks(
    const google::protobuf::RepeatedPtrField<nri::Hook>& messages) {
  std::vector<BundleHook> hooks;
  for (const auto& message : messages) {
    BundleHook& hook = hooks.emplace_back();
    hook.path = message.path();
    hook.args = {message.args().begin(), message.args().end()};
    hook.env = {message.env().begin(), message.env().end()};
    hook.timeout = static_cast<int>(message.timeout().value());
  }
  return hooks;
}

}  // namespace

PlayedEngine::PlayedEngine(const std::string& program)
    : log_(::memfd_create("pinscoped-log", MFD_CLOEXEC)) {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  peer_ = nri::test::Peer(Fd(ends[0]));
  const Fd other(ends[1]);
  child_ = ::fork();
  if (child_ == 0)
    become(program.empty() ? PINSCOPE_BIN_DIR "/pinscoped" : program, other.get(), log_.get());
}

PlayedEngine::~PlayedEngine() {
  if (child_ > 0) end();
}

std::string PlayedEngine::configuration(const Installation& installation, const std::string& more) {
  return "policy: " + installation.policy_directory() +
         "\nstate-dir: " + installation.state_directory() +
         "\ncache-dir: " + installation.cache_directory() +
         "\naudit: " + installation.audit_path() + "\n" + more;
}

nri::Response PlayedEngine::configure(const std::string& configuration, const std::string& name,
                                      const std::string& version, int request_timeout_ms) {
  EXPECT_EQ(peer_.read().connection, 2U);
  peer_.send(accepted());
  return call("Configure", field(1, configuration) + field(2, name) + field(3, version) +
                               field(5, static_cast<uint64_t>(request_timeout_ms)));
}

nri::Response PlayedEngine::create(const PlayedContainer& container) {
  return call("CreateContainer", about(container));
}
nri::Response PlayedEngine::start(const PlayedContainer& container) {
  return call("StateChange", event(kStartContainer, container));
}
nri::Response PlayedEngine::remove(const PlayedContainer& container) {
  return call("StateChange", event(kRemoveContainer, container));
}

int PlayedEngine::create_many(const PlayedContainer& container, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += nri::test::call(stream_, "CreateContainer", about(container));
    stream_ += 2;
  }
  peer_.send(bytes);
  int good = 0;
  for (int i = 0; i < count; ++i) good += read().code == nri::RpcCode::kOk ? 1 : 0;
  return good;
}

nri::Response PlayedEngine::call(const std::string& method, const std::string& payload) {
  peer_.send(nri::test::call(stream_, method, payload));
  stream_ += 2;
  return read();
}

nri::Response PlayedEngine::read() {
  const auto message = peer_.read();
  auto response = nri::parse_response(message.data);
  if (message.type != nri::Message::kResponse || !response)
    return {nri::RpcCode::kUnknown, "the plugin gave no answer", ""};
  return *std::move(response);
}

bool PlayedEngine::is_quiet() const {
  pollfd more = {peer_.fd(), POLLIN, 0};
  return ::poll(&more, 1, 300) == 0;
}

uint64_t PlayedEngine::peak_memory() const {
  std::ifstream status("/proc/" + std::to_string(child_) + "/status");
  constexpr std::string_view kPeak = "VmHWM:";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(kPeak)) return std::stoull(line.substr(kPeak.size())) << 10U;
  return 0;
}

std::optional<int> PlayedEngine::wait_for_end(int seconds) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
  pollfd end = {process.get(), POLLIN, 0};
  if (::poll(&end, 1, seconds * 1000) != 1) return std::nullopt;
  return wait();
}

int PlayedEngine::end() {
  peer_.close();
  return wait();
}

int PlayedEngine::terminate() {
  ::kill(child_, SIGTERM);
  return wait();
}

int PlayedEngine::wait() {
  int status = 0;
  ::waitpid(child_, &status, 0);
  child_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string PlayedEngine::log() const {
  std::string text(1U << 16, '\0');
  const ssize_t count = ::pread(log_.get(), text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

std::map<std::string, std::vector<BundleHook>> hooks_of(const nri::Response& response) {
  nri::CreateContainerResponse message;
  if (!message.ParseFromString(response.payload)) return {};
  std::map<std::string, std::vector<BundleHook>> hooks;
  const auto& all = message.adjust().hooks();
  if (all.create_runtime_size() > 0) hooks["createRuntime"] = bundle_hooks(all.create_runtime());
  if (all.poststop_size() > 0) hooks["poststop"] = bundle_hooks(all.poststop());
  return hooks;
}

}  // namespace pinscope::test
