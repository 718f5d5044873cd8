// `pinscope can`: whether a container can read or write an object: for scripts.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>

#include "plugin/base/text.h"
#include "plugin/cli/access/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

using inventory::Answer;

constexpr const char* kRead = "read";
constexpr const char* kWrite = "write";
// Neither is a failure, and a script must not take one for the other.
constexpr auto kExitNo = static_cast<ExitStatus>(3);
constexpr auto kExitMay = static_cast<ExitStatus>(4);

struct CanOptions {
  std::string container;
  std::string object;
  std::string right = kRead;
};

ExitStatus status_of(Answer answer) {
  switch (answer) {
    case Answer::kYes:
      return kExitOk;
    case Answer::kNo:
      return kExitNo;
    case Answer::kMay:
      break;
  }
  return kExitMay;
}

class Reply {
 public:
  Reply(const CanOptions& options, const inventory::Whom& whom, const inventory::Answered& answered)
      : options_(options),
        whom_(whom),
        answered_(answered),
        accessor_(inventory::AccessJudge(answered.machine, answered.containers, answered.parties)
                      .of(answered.object, 0, answered.limits)) {
    if (answer() == Answer::kNo)
      std::ranges::move(accessor_.lacks(reads()), std::back_inserter(accessor_.closed));
    if (answer() != Answer::kMay) accessor_.doubts.clear();
  }

  [[nodiscard]] Answer answer() const { return reads() ? accessor_.reads : accessor_.writes; }

  [[nodiscard]] std::string text() const {
    std::string text = std::string(inventory::name_of(answer())) + ": " + whom_.title +
                       (answer() == Answer::kNo    ? " cannot "
                        : answer() == Answer::kMay ? " may "
                                                   : " can ") +
                       options_.right + " " + object_title(answered_) + "\n";
    for (const auto& way : accessor_.ways)
      if ((reads() ? way.reads : way.writes) != Answer::kNo) text += "  " + how_text(way) + "\n";
    if (answer() != Answer::kYes)
      for (const auto& why : accessor_.closed) text += "  " + one_line(why) + "\n";
    for (const auto& why : accessor_.doubts) text += "  not certain: " + one_line(why) + "\n";
    for (const auto& what : answered_.machine.not_seen)
      text += "  not seen: " + one_line(what) + "\n";
    return text;
  }

  [[nodiscard]] std::string json() const {
    JsonWriter json = begin_output();
    json.field("answer", inventory::name_of(answer())).field("right", options_.right);
    write_object(json, answered_);
    if (!whom_.id.empty()) json.field("container", whom_.id);
    json.field("pid", int64_t{whom_.pid});
    write_ways(json, accessor_);
    json.key("doubts");
    model::write_texts(json, accessor_.doubts);
    json.key("not_seen").array();
    for (const auto& what : answered_.machine.not_seen) json.value(what);
    json.end();
    return end_output(std::move(json));
  }

 private:
  [[nodiscard]] bool reads() const { return options_.right == kRead; }

  const CanOptions& options_;
  const inventory::Whom& whom_;
  const inventory::Answered& answered_;
  inventory::Accessor accessor_;
};

Result<ExitStatus> ask(const Settings& settings, const CanOptions& options) {
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  const auto& state = settings.hook.state_directory;
  if (::geteuid() != 0)
    return std::unexpected(Error::system("look into a container", EPERM)
                               .hint("only root sees its processes and what they hold"));
  const auto whom = inventory::find_whom(options.container, state);
  if (!whom && options.container.find_first_of("/:") != std::string::npos)
    return std::unexpected(
        Error(ErrorCode::kUsage, "take " + quoted(options.container) + " for a container")
            .hint("CONTAINER comes first, then OBJECT"));
  if (!whom) return std::unexpected(whom.error());
  PINSCOPE_TRY(const auto object, inventory::find_wanted(options.object, state));
  PINSCOPE_TRY(const auto answered, inventory::look_for_one(object, *whom, state));
  const Reply reply(options, *whom, answered);
  print(settings.json() ? reply.json() : reply.text());
  return status_of(reply.answer());
}

}  // namespace

void add_can(CLI::App& root, Program& program) {
  auto options = std::make_shared<CanOptions>();
  add_command(root, program, "can", "Say whether a container can read or write an object, and why",
              [&program, options] { return ask(program.settings, *options); })
      .argument(
          "CONTAINER", options->container,
          "The container's id, a unique beginning of it, or the name that its engine gave it; "
          "or the number of a process")
      .argument("OBJECT", options->object,
                "The path of a pin on the host; CONTAINER:NAME, a pin in a container; map:ID, "
                "prog:ID, link:ID, or an id alone; or a name")
      .choice_argument("RIGHT", options->right, {kRead, kWrite},
                       "What is asked: of programs and links, both are to use it")
      .shared_options(program.settings, {"state-dir"})
      .output_options(program.settings)
      .footer(
          "The container need not have a view. Below the answer are the ways that there are, or "
          "what closes them, and of \"may\" what makes it uncertain.\n"
          "Exit status: 0 yes; 1 failure; 2 usage error; 3 no; 4 it cannot be told for certain "
          "(\"may\").");
}

}  // namespace pinscope::cli
