#include "tests/support/cri/client.h"

#include <cri.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/support/machine/temp_directory.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

namespace v1 = runtime::v1;

// Where the cgroups of pods are, so that the machine can remove them at its end.
constexpr const char* kControlGroup = "/pinscope-test";

void fill(google::protobuf::Map<std::string, std::string>& to, const Words& from) {
  for (const auto& [key, value] : from) to[key] = value;
}

v1::PodSandboxConfig configuration(const PodSpec& spec, const std::string& logs) {
  v1::PodSandboxConfig config;
  auto& metadata = *config.mutable_metadata();
  metadata.set_name(spec.name);
  metadata.set_namespace_(spec.kubernetes_namespace);
  metadata.set_uid(spec.uid);
  // The kubelet's labels, which say the same once more.
  auto& labels = *config.mutable_labels();
  labels["io.kubernetes.pod.name"] = spec.name;
  labels["io.kubernetes.pod.namespace"] = spec.kubernetes_namespace;
  labels["io.kubernetes.pod.uid"] = spec.uid;
  fill(labels, spec.labels);
  fill(*config.mutable_annotations(), spec.annotations);
  config.set_log_directory(logs);
  config.mutable_linux()->set_cgroup_parent(kControlGroup);
  // No network plugin is needed for pods that use the machine's network.
  config.mutable_linux()->mutable_security_context()->mutable_namespace_options()->set_network(
      v1::NODE);
  return config;
}

v1::SecurityProfile seccomp_of(const CriContainerSpec& spec) {
  v1::SecurityProfile profile;
  switch (spec.seccomp) {
    case CriContainerSpec::Seccomp::kRuntimeDefault:
      profile.set_profile_type(v1::SecurityProfile::RuntimeDefault);
      break;
    case CriContainerSpec::Seccomp::kUnconfined:
      profile.set_profile_type(v1::SecurityProfile::Unconfined);
      break;
    case CriContainerSpec::Seccomp::kLocalhost:
      profile.set_profile_type(v1::SecurityProfile::Localhost);
      profile.set_localhost_ref(spec.seccomp_profile);
      break;
  }
  return profile;
}

// "2026-11-25T04:12:09.1Z stdout F words" is one line of a log.
std::string without_stamps(const std::string& log) {
  std::string result;
  size_t begin = 0;
  while (begin < log.size()) {
    const size_t end = std::min(log.find('\n', begin), log.size() - 1);
    std::string_view line(log.data() + begin, end + 1 - begin);
    for (int field = 0; field < 3; ++field)
      line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
    result += line;
    begin = end + 1;
  }
  return result;
}

using Runtime = v1::RuntimeService::Stub;
using Images = v1::ImageService::Stub;

template <typename Service, typename Request, typename Response>
using Method = grpc::Status (Service::*)(grpc::ClientContext*, const Request&, Response*);

}  // namespace

struct CriClient::Channel {
  explicit Channel(const std::string& socket) {
    // One that is never used and lives as long as the process keeps the threads and descriptors
    // that gRPC's channels share: tests look for descriptors that are left.
    static const auto& kept = *new std::shared_ptr<grpc::Channel>(
        grpc::CreateChannel("unix:/nonexistent", grpc::InsecureChannelCredentials()));
    (void)kept;
    grpc::ChannelArguments arguments;
    // An engine that restarts is to be found again at once; an attempt itself may take its time.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // The host part of HTTP/2 that servers in Go accept for a socket.
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
    auto channel =
        grpc::CreateCustomChannel("unix:" + socket, grpc::InsecureChannelCredentials(), arguments);
    runtime = v1::RuntimeService::NewStub(channel);
    images = v1::ImageService::NewStub(channel);
  }

  // One call, with the kubelet's timeout.
  template <typename Service, typename Request, typename Response>
  static grpc::Status try_call(Service& service, Method<Service, Request, Response> method,
                               const Request& request, Response& response, int seconds = 60) {
    grpc::ClientContext context;
    // Does not fail because the engine is not there yet: only a waiting call moves a connection on.
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
    return (service.*method)(&context, request, &response);
  }
  template <typename Service, typename Request, typename Response>
  static Response call(Service& service, Method<Service, Request, Response> method,
                       const Request& request) {
    Response response;
    const grpc::Status status = try_call(service, method, request, response);
    if (!status.ok()) throw CriError(status.error_message());
    return response;
  }

  [[nodiscard]] v1::ContainerStatus status(const std::string& container) const {
    v1::ContainerStatusRequest request;
    request.set_container_id(container);
    return call(*runtime, &Runtime::ContainerStatus, request).status();
  }

  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<Images> images;
};

CriClient::CriClient(const std::string& socket, std::string logs, std::string logs_here)
    : channel_(std::make_unique<Channel>(socket)),
      logs_(std::move(logs)),
      logs_here_(std::move(logs_here)) {
}

CriClient::~CriClient() = default;

std::string CriClient::version() const {
  v1::VersionResponse response;
  const auto status =
      Channel::try_call(*channel_->runtime, &Runtime::Version, v1::VersionRequest(), response, 5);
  if (!status.ok()) return "";
  return response.runtime_name() + " " + response.runtime_version();
}

bool CriClient::is_ready() const {
  v1::StatusResponse response;
  const auto status =
      Channel::try_call(*channel_->runtime, &Runtime::Status, v1::StatusRequest(), response, 5);
  if (!status.ok()) return false;
  for (const auto& condition : response.status().conditions())
    if (condition.type() == "RuntimeReady") return condition.status();
  return false;
}

bool CriClient::has_image(const std::string& image) const {
  v1::ImageStatusRequest request;
  request.mutable_image()->set_image(image);
  const auto response = Channel::call(*channel_->images, &Images::ImageStatus, request);
  return response.has_image();
}

Pod CriClient::run_pod(const PodSpec& spec) const {
  v1::RunPodSandboxRequest request;
  *request.mutable_config() = configuration(spec, logs_);
  request.set_runtime_handler(spec.handler);
  const auto response = Channel::call(*channel_->runtime, &Runtime::RunPodSandbox, request);
  return {.id = response.pod_sandbox_id(), .spec = spec};
}

void CriClient::stop_pod(const Pod& pod) const {
  v1::StopPodSandboxRequest request;
  request.set_pod_sandbox_id(pod.id);
  (void)Channel::call(*channel_->runtime, &Runtime::StopPodSandbox, request);
}

void CriClient::remove_pod(const Pod& pod) const {
  v1::RemovePodSandboxRequest request;
  request.set_pod_sandbox_id(pod.id);
  (void)Channel::call(*channel_->runtime, &Runtime::RemovePodSandbox, request);
}

std::vector<std::string> CriClient::pods() const {
  const auto response =
      Channel::call(*channel_->runtime, &Runtime::ListPodSandbox, v1::ListPodSandboxRequest());
  std::vector<std::string> ids;
  for (const auto& pod : response.items()) ids.push_back(pod.id());
  return ids;
}

std::string CriClient::create(const Pod& pod, const CriContainerSpec& spec) const {
  v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(pod.id);
  *request.mutable_sandbox_config() = configuration(pod.spec, logs_);
  auto& config = *request.mutable_config();
  config.mutable_metadata()->set_name(spec.name);
  config.mutable_image()->set_image(spec.image);
  for (const auto& word : spec.command) config.add_command(word);
  auto& labels = *config.mutable_labels();
  labels["io.kubernetes.container.name"] = spec.name;
  labels["io.kubernetes.pod.name"] = pod.spec.name;
  labels["io.kubernetes.pod.namespace"] = pod.spec.kubernetes_namespace;
  labels["io.kubernetes.pod.uid"] = pod.spec.uid;
  fill(labels, spec.labels);
  fill(*config.mutable_annotations(), spec.annotations);
  for (const auto& device : spec.cdi_devices) config.add_cdi_devices()->set_name(device);
  // One of its own for each, as the kubelet has: the engine writes behind what is there.
  static std::atomic<int> number = 0;
  config.set_log_path(pod.id + "_" + spec.name + "_" + std::to_string(++number) + ".log");
  auto& security = *config.mutable_linux()->mutable_security_context();
  security.mutable_namespace_options()->set_network(v1::NODE);
  security.mutable_namespace_options()->set_pid(v1::CONTAINER);
  *security.mutable_seccomp() = seccomp_of(spec);
  security.set_privileged(spec.privileged);
  for (const auto& capability : spec.added_capabilities)
    security.mutable_capabilities()->add_add_capabilities(capability);
  const auto response = Channel::call(*channel_->runtime, &Runtime::CreateContainer, request);
  return response.container_id();
}

void CriClient::start(const std::string& container) const {
  v1::StartContainerRequest request;
  request.set_container_id(container);
  (void)Channel::call(*channel_->runtime, &Runtime::StartContainer, request);
}

void CriClient::stop(const std::string& container) const {
  v1::StopContainerRequest request;
  request.set_container_id(container);
  request.set_timeout(0);
  (void)Channel::call(*channel_->runtime, &Runtime::StopContainer, request);
}

void CriClient::remove(const std::string& container) const {
  v1::RemoveContainerRequest request;
  request.set_container_id(container);
  (void)Channel::call(*channel_->runtime, &Runtime::RemoveContainer, request);
}

std::vector<std::string> CriClient::containers() const {
  const auto response =
      Channel::call(*channel_->runtime, &Runtime::ListContainers, v1::ListContainersRequest());
  std::vector<std::string> ids;
  for (const auto& container : response.containers()) ids.push_back(container.id());
  return ids;
}

int CriClient::wait(const std::string& container) const {
  auto status = channel_->status(container);
  const auto ended = [&] {
    if (status.state() != v1::CONTAINER_EXITED) status = channel_->status(container);
    return status.state() == v1::CONTAINER_EXITED;
  };
  if (!test::wait_until(ended, 60))
    throw CriError("the container does not end: " + status.ShortDebugString());
  return status.exit_code();
}

std::string CriClient::logs(const std::string& container) const {
  const auto status = channel_->status(container);
  const std::string name = std::filesystem::path(status.log_path()).filename();
  return without_stamps(read_file(logs_here_ + "/" + name));
}

std::string CriClient::run(const Pod& pod, const CriContainerSpec& spec) const {
  const std::string container = create(pod, spec);
  start(container);
  (void)wait(container);
  std::string said = logs(container);
  remove(container);
  return said;
}

}  // namespace pinscope::test
