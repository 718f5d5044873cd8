#include "plugin/engine/known_containers.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/programs.h"
#include "plugin/json/json.h"

namespace pinscope::engine {
namespace {

using model::Engine;

// Of what an engine says, what can be a container at all.
Status keep(const JsonView& at, KnownContainer container, std::vector<KnownContainer>& into) {
  if (!model::is_container_id(container.id))
    return std::unexpected(at.make_error("not an id of a container"));
  // Docker writes its names as paths.
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  into.push_back(std::move(container));
  return {};
}

Result<std::string> text_in(const JsonView& object, std::string_view key, std::string_view inner) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return std::string();
  return found->string_or(inner, "");
}

// A command that prints containers, and how that is read.
struct Question {
  std::vector<std::string> words;  // the program's name first
  std::function<Result<std::vector<KnownContainer>>(std::string output)> read;
  // Whether the program ends with a failure where it knows no such container.
  bool fails_without = false;
};

void put(const Question& question, Answers& answers) {
  const std::string& name = question.words.front();
  auto command = question.words;
  command.front() = find_program(name);
  if (command.front().empty()) return;
  answers.asked.push_back(name);
  Answer answer = ask(command);
  const auto fail = [&](std::string reason) {
    answers.failed.push_back(
        Error(ErrorCode::kSystem, "ask " + name + " for its containers").reason(std::move(reason)));
  };
  if (!answer.in_time) return fail("it did not answer in time");
  if (!answer.ok && question.fails_without) return;
  if (!answer.ok) return fail("its command failed");
  auto containers = question.read(std::move(answer.output));
  if (!containers) return fail(containers.error().sentence());
  std::ranges::move(*containers, std::back_inserter(answers.containers));
}

// The machine's own dockerd, whatever a file of somebody's home says.
std::vector<std::string> docker(std::vector<std::string> words) {
  words.insert(words.begin(), {"docker", "--host", "unix:///run/docker.sock"});
  return words;
}

Question cri() {
  return {.words = {"crictl", "ps", "--output", "json"}, .read = read_cri};
}

}  // namespace

Result<std::vector<KnownContainer>> read_inspect(std::string json, Engine engine) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(json), "its answer", ErrorCode::kSystem));
  PINSCOPE_TRY(const auto elements, document.root().elements());
  std::vector<KnownContainer> containers;
  for (const auto& element : elements) {
    KnownContainer container{.engine = engine};
    PINSCOPE_TRY(container.id, element.string_or("Id", ""));
    PINSCOPE_TRY(container.name, element.string_or("Name", ""));
    PINSCOPE_TRY(container.state, text_in(element, "State", "Status"));
    PINSCOPE_TRY(const std::string config, element.string_or("OCIConfigPath", ""));
    if (config.starts_with('/')) container.bundle = parent_of(config);
    PINSCOPE_CHECK(keep(element, std::move(container), containers));
  }
  return containers;
}

Result<std::vector<KnownContainer>> read_cri(std::string json) {
  PINSCOPE_TRY(const auto document,
               JsonDocument::parse(std::move(json), "its answer", ErrorCode::kSystem));
  PINSCOPE_TRY(const auto list, document.root().find("containers"));
  std::vector<KnownContainer> containers;
  if (!list) return containers;
  PINSCOPE_TRY(const auto elements, list->elements());
  for (const auto& element : elements) {
    KnownContainer container;
    PINSCOPE_TRY(container.id, element.string_or("id", ""));
    PINSCOPE_TRY(container.name, text_in(element, "metadata", "name"));
    PINSCOPE_TRY(container.state, element.string_or("state", ""));
    PINSCOPE_CHECK(keep(element, std::move(container), containers));
  }
  return containers;
}

Result<std::vector<KnownContainer>> read_names(std::string_view text, Engine engine) {
  std::vector<KnownContainer> containers;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos || !model::is_container_id(line.substr(0, blank)))
      return std::unexpected(Error(ErrorCode::kSystem, "read its answer")
                                 .reason("a line is no id with a name behind it"));
    containers.push_back({.engine = engine,
                          .id = std::string(line.substr(0, blank)),
                          .name = std::string(line.substr(blank + 1))});
  }
  return containers;
}

// "--" because a name may begin with a dash; crictl has no question by name but by a pattern.
Answers containers_called(const std::string& name) {
  Answers answers;
  const auto inspect = [](Engine engine) {
    return [engine](std::string output) { return read_inspect(std::move(output), engine); };
  };
  put({{"podman", "container", "inspect", "--", name}, inspect(Engine::kPodman), true}, answers);
  put({docker({"container", "inspect", "--", name}), inspect(Engine::kDocker), true}, answers);
  put(cri(), answers);
  // An engine may answer with another one than it was asked for.
  std::erase_if(answers.containers, [&](const KnownContainer& container) {
    return container.name != name && !container.id.starts_with(name);
  });
  return answers;
}

Answers running_containers() {
  constexpr const char* kFormat = "{{.ID}} {{.Names}}";
  Answers answers;
  const auto names = [](Engine engine) {
    return [engine](const std::string& output) { return read_names(output, engine); };
  };
  put({{"podman", "ps", "--no-trunc", "--format", kFormat}, names(Engine::kPodman)}, answers);
  put({docker({"ps", "--no-trunc", "--format", kFormat}), names(Engine::kDocker)}, answers);
  put(cri(), answers);
  return answers;
}

}  // namespace pinscope::engine
