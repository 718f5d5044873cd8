// `pinscope revoke`: takes grants away from containers that run, whatever the policies say.
#include <algorithm>
#include <memory>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/cli/commands.h"
#include "plugin/cli/exceptions/order.h"
#include "plugin/cli/term/json_output.h"
#include "plugin/model/shapes.h"
#include "plugin/model/words.h"
#include "plugin/policy/glob.h"

namespace pinscope::cli {
namespace {

using Kind = model::Exception::Kind;

constexpr const char* kStage = "revoke";

struct RevokeOptions : ExceptionOptions {
  bool all = false;
  std::vector<std::string> objects;  // "map:17"
  bool yes = false;
};

Result<model::ObjectIdentity> read_object(const std::string& word) {
  const size_t colon = word.find(':');
  const std::string kind = word.substr(0, colon);
  const auto known =
      model::value_named<model::ObjectKind>(kind == "prog" ? "program" : kind, model::name_of);
  const auto id =
      colon == std::string::npos ? std::nullopt : parse_unsigned(word.substr(colon + 1));
  if (known && id && *id > 0 && *id <= UINT32_MAX)
    return model::ObjectIdentity{*known, static_cast<uint32_t>(*id)};
  return std::unexpected(Error(ErrorCode::kUsage, "understand --object " + quoted(word))
                             .reason("expected map:ID, prog:ID or link:ID"));
}

Status check_pin(const std::string& pin) {
  if (pin.empty() || pin.front() != '/') return {};
  if (const auto path = parse_absolute(pin); !path)
    return std::unexpected(
        Error(ErrorCode::kUsage, "revoke " + quoted(pin)).reason(path.error().sentence()));
  if (auto glob = policy::check_glob(pin); !glob)
    return std::unexpected(
        Error(ErrorCode::kUsage, "revoke " + quoted(pin)).reason(glob.error().sentence()));
  return {};
}

Result<ExceptionOrder> order_of(const RevokeOptions& options) {
  ExceptionOrder order;
  order.wherever = options.all;
  PINSCOPE_TRY(const auto made, new_exception(Kind::kRevoke, options));
  for (const auto& pin : options.pins) PINSCOPE_CHECK(check_pin(pin));
  if (options.undo) {
    order.undone = ExceptionOrder::Undo{Kind::kRevoke, options.pins, options.reason};
    for (const auto& word : options.objects) {
      PINSCOPE_TRY(const auto object, read_object(word));
      order.undone->pins.push_back(std::string(model::name_of(object.kind)) + ":" +
                                   std::to_string(object.id));
    }
    return order;
  }
  for (const auto& pin : options.pins) {
    auto& one = order.made.emplace_back(made);
    (pin.starts_with('/') ? one.pin : one.name) = pin;
  }
  for (const auto& word : options.objects) {
    PINSCOPE_TRY(const auto object, read_object(word));
    order.made.emplace_back(made).object = object;
  }
  if (order.made.empty()) order.made.emplace_back(made).pin = model::kEveryPin;
  return order;
}

Status check_usage(const RevokeOptions& options) {
  const Error error(ErrorCode::kUsage, "revoke grants");
  if (options.all != options.container.empty())
    return std::unexpected(Error(error).reason("either --container or --all says from whom"));
  if (options.undo && !options.duration.empty())
    return std::unexpected(Error(error).reason("--for does not go with --undo"));
  if (options.all && options.pins.empty() && options.objects.empty() && !options.undo &&
      !options.yes)
    return std::unexpected(Error(error)
                               .reason("every container would lose all that it has")
                               .hint("if that is meant, say --yes; or name the pins"));
  return {};
}

std::string later_starts(const std::vector<model::Rule>& rules) {
  if (rules.empty()) return "";
  std::string text =
      "Containers that start later get it all the same, until a policy has a line for it below "
      "`deny:`. It is given by:\n";
  for (const auto& rule : rules) text += "  " + model::to_string(rule) + "\n";
  return text;
}

// What somebody else shows it is beyond a revocation. False: nobody shows anything.
bool tell_void_views(const Application& application) {
  bool any = false;
  for (const auto& one : application.containers) {
    const auto& given = one.record.given;
    if (given.bypasses.empty()) continue;
    any = true;
    report("the view of container " + quoted(given.id) + " is void (" +
           joined(model::names_of(given.bypasses), ", ") +
           "): it may have what was revoked all the same; pinscope inspect says how");
  }
  return any;
}

Result<ExitStatus> revoke(const Settings& settings, const RevokeOptions& options) {
  PINSCOPE_CHECK(check_usage(options));
  PINSCOPE_TRY(const auto exceptions, order_of(options));
  PINSCOPE_CHECK(check_root("change the views of containers"));
  PINSCOPE_CHECK(check_given_path(settings, "state-dir"));
  const auto judges = policies_to_take_away(settings);
  PINSCOPE_TRY(const auto files, files_for(settings, options.container));
  PINSCOPE_TRY(const auto application, carry_out(settings, files, judges, kStage, exceptions));
  const auto still =
      options.undo ? std::vector<model::Rule>() : granted_still(application, judges.policies);
  print(settings.json() ? to_json(application, still)
                        : to_text(application, settings.palette()) + later_starts(still));
  const bool is_beyond = !options.undo && tell_void_views(application);
  for (const auto& error : application.unreadable) report(error);
  const bool any = std::ranges::any_of(application.containers, [](const Swapped& one) {
    return one.outcome != Swapped::Outcome::kUnchanged;
  });
  if (options.all && !any) {
    report(options.undo ? "no container that runs has such an exception"
                        : "no container that runs has it");
    return kExitFailure;
  }
  return is_beyond ? kExitFailure : status_of_exceptions(application);
}

}  // namespace

void add_revoke(CLI::App& root, Program& program) {
  auto options = std::make_shared<RevokeOptions>();
  add_command(root, program, "revoke",
              "Take grants away from containers that run, whatever the policies say",
              [&program, options] { return revoke(program.settings, *options); })
      .arguments("PIN", options->pins,
                 "A source on the host, or a glob of sources; or a name in the view; none: all")
      .repeatable_option("--object", options->objects, "KIND:ID",
                         "An object instead: map:ID, prog:ID or link:ID, whatever its pins are "
                         "called; may be given several times")
      .option("--container", options->container, "CONTAINER",
              "From this one: its id, a unique beginning of it, or the name that its engine gave "
              "it")
      .flag("--all", options->all, "From each that runs and has it")
      .required_option("--reason", options->reason, "TEXT",
                       "Why: it stands in the audit trail, and wherever the exception is shown")
      .option("--for", options->duration, "DURATION",
              "90s, 10m, 2h, 1d, 1w; without it until the container ends or --undo")
      .flag("--undo", options->undo, "Give back what was revoked, if the policies still do")
      .flag("--yes", options->yes, "With --all and without PIN: everything from everybody")
      .shared_options(program.settings, {"policy", "cache-dir", "state-dir", "audit"})
      .output_options(program.settings)
      .footer(
          "An exception is made in the record of each container: what it covers is denied, under "
          "each name that the object has, whatever a policy or `pinscope grant` gives, and "
          "`pinscope apply` keeps it. The view is replaced at once, as apply does; what processes "
          "have open stays open, and is listed. If the policies would not let the container start "
          "now, it gets nothing new, and loses what is revoked.\n"
          "Nothing is changed for containers that start later: the output names the lines of the "
          "policies that give it.\n"
          "Exit status: 0 done; 1 it is not granted, or could not be revoked, or not in "
          "everything, or a view is void, so that the container may have it all the same; 2 usage "
          "error.");
}

}  // namespace pinscope::cli
