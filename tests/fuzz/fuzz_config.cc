// The bundle's config.json, read as each engine's. What no engine of the five vouches for must not
// become an identity.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/oci/config.h"

namespace {

using pinscope::model::Engine;

bool has_identity(const pinscope::model::Identity& identity) {
  return identity.kubernetes_namespace || identity.kubernetes_pod ||
         identity.kubernetes_container || identity.kubernetes_uid || identity.image ||
         identity.is_sandbox;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinscope::oci::State state;
  state.id = "fuzz";
  state.bundle = "/run/fuzz";
  const std::string json(reinterpret_cast<const char*>(data), size);
  for (const Engine engine :
       {Engine::kUnknown, Engine::kPodman, Engine::kDocker, Engine::kContainerd, Engine::kCrio}) {
    const auto container = pinscope::oci::read_container(state, json, engine);
    if (!container) {
      const std::string sentence = container.error().sentence();
      if (sentence.empty() || sentence.find('\n') != std::string::npos) std::abort();
      continue;
    }
    if (!container->rootfs.starts_with('/')) std::abort();
    const bool may_have_identity = engine == Engine::kContainerd || engine == Engine::kCrio;
    if (!may_have_identity && has_identity(container->identity)) std::abort();
  }
  return 0;
}
