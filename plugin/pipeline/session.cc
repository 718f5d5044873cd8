#include "plugin/pipeline/session.h"

#include <string>
#include <utility>

#include "plugin/pipeline/ended.h"
#include "plugin/pipeline/run_log.h"
#include "plugin/pipeline/start.h"

namespace pinscope {
namespace {

// What the policies can know of it: a container whose root is the host's.
Subject subject_of(const Session& session, model::Engine engine) {
  Subject subject;
  subject.is_session = true;
  model::Container& container = subject.container;
  container.id = std::string(kSessionPrefix) + std::to_string(session.pid);
  container.rootfs = "/";
  container.pid = session.pid;
  container.engine = engine;
  container.uid = session.uid;
  container.gid = session.gid;
  container.additional_gids = session.groups;
  namespace_of(container, model::NamespaceKind::kMount).mode = model::Namespace::Mode::kPrivate;
  return subject;
}

}  // namespace

Result<bool> open_session(const HookOptions& options, const Session& session) {
  RunLog log(options, kSessionStage);
  PINSCOPE_TRY(const auto policies, open_policies(options.policy, log));
  Subject subject = subject_of(session, options.engine);
  log.event().given.id = subject.container.id;
  log.event().given.pid = session.pid;
  log.event().given.uid = session.uid;
  auto given = give_view(options, policies.set(), std::move(subject), log);
  if (!given) log.refuse(given.error());
  return given;
}

}  // namespace pinscope
