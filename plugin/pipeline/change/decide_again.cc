#include "plugin/pipeline/change/decide_again.h"

#include <algorithm>
#include <array>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/host/users.h"
#include "plugin/json/json.h"
#include "plugin/kernel/bpf/source.h"
#include "plugin/kernel/sys.h"
#include "plugin/pipeline/admit.h"
#include "plugin/pipeline/change/exceptions.h"
#include "plugin/pipeline/host_view.h"
#include "plugin/pipeline/identify.h"
#include "plugin/pipeline/options.h"
#include "plugin/pipeline/start/session.h"
#include "plugin/plan/build.h"
#include "plugin/policy/decide/bypass.h"
#include "plugin/policy/decide/decide.h"
#include "plugin/policy/decide/grantable.h"
#include "plugin/policy/decide/reach.h"
#include "plugin/policy/decide/select.h"

namespace pinscope {
namespace {

using namespace model;

constexpr const char* kHook = "pinscope-hook";
constexpr std::array kStages = {"createRuntime", "prestart"};

// The words behind the program's name; nothing if the entry runs something else.
Result<std::optional<std::vector<std::string>>> arguments_of(const JsonView& entry) {
  PINSCOPE_TRY(const auto path, entry.string_or("path", ""));
  if (base_name(path) != kHook) return std::nullopt;
  PINSCOPE_TRY(const auto args, entry.find("args"));
  std::vector<std::string> words;
  if (!args) return words;
  PINSCOPE_TRY(const auto elements, args->elements());
  words.reserve(elements.size());
  for (const auto& element : elements) {
    PINSCOPE_TRY(const auto word, element.as_string());
    words.emplace_back(word);
  }
  if (!words.empty()) words.erase(words.begin());
  return words;
}

// The arguments of the hook that the configuration runs; nothing if it runs none.
Result<std::optional<std::vector<std::string>>> find_hook(const std::string& config) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(config, "config.json", ErrorCode::kConfigInvalid));
  PINSCOPE_TRY(const auto hooks, document.root().find("hooks"));
  if (!hooks) return std::nullopt;
  for (const char* stage : kStages) {
    PINSCOPE_TRY(const auto list, hooks->find(stage));
    if (!list) continue;
    PINSCOPE_TRY(const auto entries, list->elements());
    for (const auto& entry : entries) {
      PINSCOPE_TRY(auto arguments, arguments_of(entry));
      if (arguments) return arguments;
    }
  }
  return std::nullopt;
}

// Podman and CRI-O keep their containers in the runtimes' default directories, and write this over
// whatever a user says.
Engine engine_by_annotation(const Container& container) {
  const auto found = std::ranges::find(container.annotations, "io.container.manager",
                                       &std::pair<std::string, std::string>::first);
  if (found == container.annotations.end()) return Engine::kUnknown;
  if (found->second == "libpod") return Engine::kPodman;
  return found->second == "cri-o" ? Engine::kCrio : Engine::kUnknown;
}

policy::KnownObjects known_objects(const Restart& restart) {
  policy::KnownObjects objects(restart.objects.size());
  for (size_t i = 0; i < objects.size(); ++i)
    if (const auto& info = restart.objects[i]) objects[i] = ObjectType{info->kind, info->type};
  return objects;
}

// The judgements of the hook that need a decision and a process.
Status judge(const Decision& decision, const Container& container, bool is_session,
             const kernel::ContainerProcess& process, const policy::HostView& host,
             const policy::KnownObjects& objects) {
  auto facts = facts_of(process);
  facts.program.clear();  // by now that of the workload, which calls itself what it likes
  PINSCOPE_CHECK(admit(decision, facts));
  const auto around = surroundings_of(container, is_session, process, host);
  PINSCOPE_CHECK(policy::check_void(
      decision, policy::kinds_of(policy::find_bypasses(decision, container, around, objects))));
  return policy::check_reach(decision, objects, policy::shared_namespaces(container, host));
}

// What revocations take away is to be given back as it was.
void note_what_is_revoked(const std::vector<Policy>& policies, const Container& container,
                          const policy::HostView& host, std::vector<Exception> exceptions,
                          Decision& decision) {
  if (std::erase_if(exceptions,
                    [](const Exception& one) { return one.kind == Exception::Kind::kRevoke; }) == 0)
    return;
  const auto all = policy::decide(with_exceptions(policies, exceptions), container, host);
  if (!all) return;
  for (auto& refusal : decision.refusals) {
    const auto* given = all->find_grant(refusal.source, refusal.name);
    if (is_exception(refusal.denied_by) && given != nullptr) refusal.grant = *given;
  }
}

}  // namespace

Result<StartedContainer> read_started(oci::State state, Engine engine) {
  PINSCOPE_TRY(auto config, read_config_of(state.bundle));
  PINSCOPE_TRY(const auto hook, find_hook(config));
  HookOptions told;
  if (hook)
    for (OptionReader reader(*hook); reader.next() && reader.read(Option::kHook, told);) {
    }
  if (told.engine == Engine::kUnknown) told.engine = engine;
  PINSCOPE_TRY(auto container, container_of(state, config, told.engine, told.pod_labels));
  if (told.engine == Engine::kUnknown) {
    told.engine = engine_by_annotation(container);
    if (told.engine != Engine::kUnknown) {
      PINSCOPE_TRY(container, container_of(state, std::move(config), told.engine, {}));
    }
  }
  return StartedContainer{std::move(container), hook.has_value()};
}

Result<Container> container_of(const Record& record) {
  const auto& given = record.given;
  if (is_session(record)) {
    auto user = user_of(*given.uid);
    return container_of(Session{given.pid, user.uid, user.gid, std::move(user.groups)},
                        given.engine);
  }
  PINSCOPE_TRY(
      auto started,
      read_started({.id = given.id, .pid = given.pid, .bundle = given.bundle}, given.engine));
  started.container.engine = given.engine;
  started.container.identity = given.identity;
  return std::move(started.container);
}

Status take_id_maps(const kernel::ContainerProcess& process, Container& container) {
  using MountOwner = kernel::ContainerProcess::MountOwner;
  PINSCOPE_TRY(const auto owner, process.mount_owner());
  if (owner == MountOwner::kItsUserNamespace) {
    PINSCOPE_TRY(container.uid_map, process.uid_map());
    PINSCOPE_TRY(container.gid_map, process.gid_map());
    return {};
  }
  if (owner == MountOwner::kOurs) {
    container.uid_map.clear();
    container.gid_map.clear();
    return {};
  }
  if (!container.uid_map.empty() && !container.gid_map.empty()) return {};
  return std::unexpected(
      Error(ErrorCode::kProcessGone, "map the ids of process " + std::to_string(process.pid()))
          .reason("it has gone to a user namespace of its own making, and config.json does not say "
                  "how ids are mapped in the one before"));
}

void look_at_sources(const Features& features, Restart& restart) {
  const auto& grants = restart.decision->grants;
  restart.left_out.resize(grants.size(), LeftOut::kNot);
  restart.objects.resize(grants.size());
  const auto descriptors = kernel::open_descriptor_directory();
  if (!descriptors) {
    restart.refusal = descriptors.error();
    return;
  }
  kernel::SourceOpener sources(descriptors->get(), policy::ObjectJudge(), features.pin_by_fd);
  for (size_t i = 0; i < grants.size(); ++i) {
    auto opened = sources.open(grants[i]);
    if (opened) {
      restart.objects[i] = std::move(opened->info);
      continue;
    }
    restart.left_out[i] = left_out(grants[i], opened.error());
    if (restart.left_out[i] == LeftOut::kNot && !restart.refusal)
      restart.refusal = std::move(opened).error().rule(to_string(grants[i].rule));
  }
}

Decision present(const Restart& restart) {
  Decision decision = *restart.decision;
  decision.grants.clear();
  for (size_t i = 0; i < restart.left_out.size(); ++i)
    if (restart.left_out[i] == LeftOut::kNot)
      decision.grants.push_back(restart.decision->grants[i]);
  return decision;
}

Result<Restart> decide_again(const std::vector<Policy>& policies, const Container& described,
                             bool is_session, const Features& features,
                             const std::vector<Exception>& exceptions) {
  const auto process = find_process(described);
  if (!process) return std::unexpected(process.error());
  const policy::HostView host = host_at_start(process);
  Container container = described;
  PINSCOPE_CHECK(take_id_maps(*process, container));
  Restart restart;
  const auto refuse = [&](const Error& error) {
    if (!restart.refusal) restart.refusal = error;
  };
  auto decision = exceptions.empty()
                      ? policy::decide(policies, container, host)
                      : policy::decide(with_exceptions(policies, exceptions), container, host);
  if (!decision) {
    refuse(decision.error());
    return restart;
  }
  restart.decision = *std::move(decision);
  note_what_is_revoked(policies, container, host, exceptions, *restart.decision);
  if (!restart.decision->selected()) return restart;
  look_at_sources(features, restart);
  take_objects_away(restart, exceptions);
  if (const auto judged =
          judge(*restart.decision, container, is_session, *process, host, known_objects(restart));
      !judged)
    refuse(judged.error());
  const auto plan = plan::build(present(restart), container, features);
  if (!plan) {
    refuse(plan.error());
    return restart;
  }
  restart.makes_view =
      !plan->steps.empty() || !restart.decision->refusals.empty() ||
      !restart.decision->followed.empty() ||
      std::ranges::find(restart.left_out, LeftOut::kMissing) != restart.left_out.end();
  return restart;
}

}  // namespace pinscope
