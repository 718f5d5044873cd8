#include "plugin/cli/explain/described.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/oci/identity.h"

namespace pinscope::cli {
namespace {

using advice::Remark;
using model::Namespace;

Error wrong(const char* option, const std::string& value, std::string reason) {
  return Error(ErrorCode::kUsage, "use --" + std::string(option) + " " + quoted(value))
      .reason(std::move(reason));
}

// Leaves `id` as it is where nothing is given.
Status read_id(const char* option, const std::string& text, uint32_t& id, bool& told) {
  if (text.empty()) return {};
  const auto number = parse_unsigned(text);
  // The largest one means "no id" to the kernel.
  if (!number || *number >= std::numeric_limits<uint32_t>::max())
    return std::unexpected(wrong(option, text, "it is no id"));
  id = static_cast<uint32_t>(*number);
  told = true;
  return {};
}

Result<std::pair<std::string, std::string>> read_pair(const char* option, const std::string& text,
                                                      const char* form) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return std::unexpected(wrong(option, text, std::string("it is no ") + form));
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Status read_namespace(const std::string& text, Described& described) {
  constexpr const char* kOption = "namespaces";
  PINSCOPE_TRY(const auto pair, read_pair(kOption, text, "KIND=host, KIND=private or KIND=PATH"));
  const auto& [kind, value] = pair;
  size_t index = 0;
  while (index < model::kNamespaceKinds &&
         model::namespace_name(static_cast<model::NamespaceKind>(index)) != kind)
    ++index;
  if (index == model::kNamespaceKinds)
    return std::unexpected(wrong(kOption, text, quoted(kind) + " is no kind of namespace"));
  if (described.told.namespaces[index])
    return std::unexpected(wrong(kOption, text, "its kind appears twice"));
  described.told.namespaces[index] = true;
  Namespace& target = described.container.namespaces[index];
  if (value == "host") {
    target.mode = Namespace::Mode::kHost;
  } else if (value == "private") {
    target.mode = Namespace::Mode::kPrivate;
  } else if (parse_absolute(value)) {
    target = {Namespace::Mode::kPath, value};
  } else {
    return std::unexpected(
        wrong(kOption, text, "it is neither host, private nor an absolute path"));
  }
  return {};
}

std::optional<model::Fact> fact_of(const char* option, const std::string& value) {
  if (value.empty()) return std::nullopt;
  return model::Fact{value, "the option --" + std::string(option)};
}

// Of an engine that establishes no facts, these are absent, whatever somebody says of them.
void read_facts(const Description& description, Described& described) {
  auto& [container, told, remarks] = described;
  auto& identity = container.identity;
  told.no_facts =
      container.engine != model::Engine::kUnknown && !oci::establishes_facts(container.engine);
  identity.kubernetes_namespace = fact_of("namespace", description.kubernetes_namespace);
  identity.kubernetes_pod = fact_of("pod", description.kubernetes_pod);
  identity.kubernetes_container = fact_of("container", description.kubernetes_container);
  identity.image = fact_of("image", description.image);
  const bool has_fact = identity.kubernetes_namespace || identity.kubernetes_pod ||
                        identity.kubernetes_container || identity.image;
  if (!told.no_facts || !has_fact) return;
  identity = {};
  remarks.push_back({Remark::Kind::kNote, "not-established",
                     std::string(model::engine_name(container.engine)) +
                         " establishes no namespace, pod, container or image: policies that select "
                         "by one do not select its containers",
                     "select by user, bundle or engine"});
}

void remark_on_the_rest(const Description& description, Described& described) {
  described.remarks.push_back(
      {Remark::Kind::kNote, "not-known",
       "capabilities, the seccomp profile, mounts, id maps and what else is in config.json are not "
       "known: whether it starts, and whether its view is void or unreachable, is not said",
       "name a container, or its bundle"});
  if (description.uid.empty() || description.gid.empty())
    described.remarks.push_back(
        {Remark::Kind::kNote, "owner-not-known",
         "without --uid and --gid, 0 is shown for the owner of a grant that names none: it is the "
         "container's process",
         ""});
}

}  // namespace

void add_description_options(Command& command, Description& description) {
  command
      .option("--namespace", description.kubernetes_namespace, "NAME",
              "Without a container: describe one by its pod's namespace")
      .option("--pod", description.kubernetes_pod, "NAME", "… by its pod")
      .option("--container", description.kubernetes_container, "NAME", "… by its name in the pod")
      .option("--image", description.image, "IMAGE", "… by its image, as it is asked for")
      .option("--uid", description.uid, "UID", "… by its process's user, as it sees it")
      .option("--gid", description.gid, "GID", "… by its process's group, as it sees it")
      .repeatable_option("--namespaces", description.namespaces, "KIND=VALUE",
                         "… by a Linux namespace: host, private or a path (repeatable)")
      .repeatable_option("--annotation", description.annotations, "KEY=VALUE",
                         "… by an annotation (repeatable)")
      .option("--bundle-path", description.bundle, "PATH",
              "… by its bundle's path, of which nothing is read");
}

Result<Described> read_description(const Description& description, const std::string& engine,
                                   const oci::PodLabels& pod_labels) {
  Described described;
  auto& [container, told, remarks] = described;
  // A container has namespaces of its own unless somebody says otherwise.
  for (auto& name_space : container.namespaces) name_space.mode = Namespace::Mode::kPrivate;
  container.engine = model::engine_from_name(engine).value_or(model::Engine::kUnknown);
  read_facts(description, described);
  container.identity.kubernetes_labels = oci::facts_of(pod_labels);
  PINSCOPE_CHECK(read_id("uid", description.uid, container.uid, told.uid));
  PINSCOPE_CHECK(read_id("gid", description.gid, container.gid, told.gid));
  for (const auto& text : description.namespaces) PINSCOPE_CHECK(read_namespace(text, described));
  for (const auto& text : description.annotations) {
    PINSCOPE_TRY(auto pair, read_pair("annotation", text, "KEY=VALUE"));
    container.annotations.push_back(std::move(pair));
  }
  if (!description.bundle.empty() && !parse_absolute(description.bundle))
    return std::unexpected(
        wrong("bundle-path", description.bundle, "it is not an absolute path without dots"));
  container.bundle = description.bundle;
  remark_on_the_rest(description, described);
  return described;
}

}  // namespace pinscope::cli
