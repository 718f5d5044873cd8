// The reader of the compiled policy set, on any bytes: an error or a set, never a crash. What a set
// yields goes through the decision as well.
#include <cstring>
#include <memory>

#include "plugin/policy/decide/decide.h"
#include "plugin/policy/set/compiled.h"

namespace {

// The keys of the seeds in corpus/compiled.
pinscope::model::Container container_of_the_seeds() {
  pinscope::model::Container container;
  container.id = "web-1";
  container.engine = pinscope::model::Engine::kCrio;
  container.identity.kubernetes_namespace = {{"web", "fuzz"}};
  container.annotations = {{"team", "net"}};
  container.bundle = "/run/bundle";
  container.uid = 1000;
  return container;
}

pinscope::policy::HostView host_of_the_seeds() {
  pinscope::policy::HostView host;
  host.same_namespace = [](const auto&, auto, const std::string& path) {
    return path == "/run/netns/tenant-a";
  };
  host.pins_matching = [](const auto&) -> pinscope::Result<pinscope::model::MatchingPins> {
    return pinscope::model::MatchingPins{{"/sys/fs/bpf/app/a", "/sys/fs/bpf/app/b.c"}, {}, false};
  };
  return host;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of exactly this size at an address that is aligned, as a memory map is.
  const auto words = std::make_unique<uint64_t[]>(size / sizeof(uint64_t) + 1);
  std::memcpy(words.get(), data, size);
  const std::span bytes(reinterpret_cast<const std::byte*>(words.get()), size);
  const auto set = pinscope::policy::CompiledSet::open(bytes);
  if (!set) return 0;
  (void)set->source_path();
  (void)set->refusal();
  (void)set->origin();
  const auto container = container_of_the_seeds();
  const auto host = host_of_the_seeds();
  for (const auto& policies : {set->candidates(container), set->all()})
    if (policies) (void)pinscope::policy::decide(*policies, container, host);
  return 0;
}
