// Who the container of a policy test is: the keys of `select`, each with the one value that it has.
#include <algorithm>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/policy/glob.h"
#include "plugin/policy/language/fields.h"
#include "plugin/policy/language/read_policy_test.h"
#include "plugin/policy/language/reader.h"

namespace pinscope::policy {
namespace {

using model::Engine;
using model::Fact;

constexpr const char* kEstablishedBy = "the test";

// A subject has one value, which a policy's glob may match; a glob here would match nothing.
void refuse_glob(const Field& field, const std::string& text, Reporter& reporter) {
  if (is_glob(text))
    reporter.error(
        field.at(),
        quoted(field.name) + " is " + shown(text) + ", and globs are not matched in subjects",
        "write the one value that the container has");
}

std::optional<Fact> read_fact(const std::optional<Field>& field, Reporter& reporter) {
  if (!field) return std::nullopt;
  auto text = read_text(reporter, *field);
  if (!text) return std::nullopt;
  refuse_glob(*field, *text, reporter);
  return Fact{*std::move(text), kEstablishedBy};
}

// Keys and texts; none where the mapping is empty.
std::vector<std::pair<std::string, std::string>> read_texts(const Field& field,
                                                            Reporter& reporter) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (field.value->kind == Node::Kind::kMapping && field.value->children.empty()) return texts;
  for (const auto& [name, value] : read_free_mapping(reporter, field))
    if (auto text = read_text(reporter, value)) texts.emplace_back(name, *std::move(text));
  return texts;
}

void read_kubernetes(const Field& field, model::Identity& identity, Reporter& reporter) {
  const Mapping kubernetes(reporter, field, "\"kubernetes\"", "kubernetes.",
                           {"namespace", "pod", "container", "labels"});
  identity.kubernetes_namespace = read_fact(kubernetes.find("namespace"), reporter);
  identity.kubernetes_pod = read_fact(kubernetes.find("pod"), reporter);
  identity.kubernetes_container = read_fact(kubernetes.find("container"), reporter);
  if (const auto labels = kubernetes.find("labels"))
    for (auto& [name, value] : read_texts(*labels, reporter))
      identity.kubernetes_labels.emplace_back(name, Fact{std::move(value), kEstablishedBy});
}

void read_user(const Field& field, TestSubject& subject, Reporter& reporter) {
  const Mapping user(reporter, field, "\"user\"", "user.", {"uid", "gid"});
  const auto read = [&](const char* key, uint32_t& id, bool& told) {
    const auto entry = user.find(key);
    if (!entry) return;
    id = read_number(reporter, *entry, kMaxId).value_or(0);
    told = true;
  };
  read("uid", subject.container.uid, subject.told.uid);
  read("gid", subject.container.gid, subject.told.gid);
}

void read_namespaces(const Field& field, TestSubject& subject, Reporter& reporter) {
  const Mapping namespaces(reporter, field, "\"namespaces\"", "namespaces.",
                           {"user", "net", "pid", "ipc", "uts", "cgroup", "time", "mnt"});
  for (size_t i = 0; i < model::kNamespaceKinds; ++i) {
    const auto entry = namespaces.find(model::namespace_name(static_cast<model::NamespaceKind>(i)));
    if (!entry) continue;
    subject.told.namespaces[i] = true;
    if (auto value = read_namespace(*entry, reporter))
      subject.container.namespaces[i] = *std::move(value);
  }
}

// Only engines that speak the kubelet's protocol say which pod and image a container is of. A test
// that says it of another one would hold for a container that there cannot be.
void refuse_facts(const Mapping& keys, Engine engine, Reporter& reporter) {
  if (engine == Engine::kUnknown || engine == Engine::kContainerd || engine == Engine::kCrio)
    return;
  const auto refuse = [&](const char* key, const char* hint) {
    if (const auto field = keys.find(key))
      reporter.error(field->key_at,
                     quoted(key) + " is not known of containers of " + model::engine_name(engine),
                     hint);
  };
  for (const char* key : {"kubernetes", "image"})
    refuse(key, "only containerd and crio establish it");
  if (engine != Engine::kHost) return;
  for (const char* key : {"annotations", "bundle"}) refuse(key, "sessions of the host have none");
}

}  // namespace

void read_container(const Mapping& keys, TestSubject& subject, Reporter& reporter) {
  auto& [place, name, container, told, expected] = subject;
  told.rest_is_absent = true;
  // A container has namespaces of its own unless somebody says otherwise.
  for (auto& name_space : container.namespaces) name_space.mode = model::Namespace::Mode::kPrivate;
  if (const auto engine = keys.find("engine"))
    container.engine = read_word(reporter, *engine, model::engine_name, Engine::kPodman)
                           .value_or(Engine::kUnknown);
  refuse_facts(keys, container.engine, reporter);
  if (const auto kubernetes = keys.find("kubernetes"))
    read_kubernetes(*kubernetes, container.identity, reporter);
  container.identity.image = read_fact(keys.find("image"), reporter);
  if (const auto user = keys.find("user")) read_user(*user, subject, reporter);
  if (const auto namespaces = keys.find("namespaces"))
    read_namespaces(*namespaces, subject, reporter);
  if (const auto annotations = keys.find("annotations"))
    container.annotations = read_texts(*annotations, reporter);
  if (const auto bundle = keys.find("bundle")) {
    const size_t errors = reporter.errors();
    container.bundle = read_path(*bundle, reporter).value_or("");
    if (reporter.errors() == errors) refuse_glob(*bundle, container.bundle, reporter);
  }
}

}  // namespace pinscope::policy
