#include "plugin/cli/audit/verify.h"

#include "plugin/base/text.h"
#include "plugin/cli/audit/chain_check.h"
#include "plugin/cli/audit/trail.h"
#include "plugin/cli/term/json_output.h"

namespace pinscope::cli {
namespace {

void take_text(ChainCheck& check, std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const bool ended = end != std::string_view::npos;
    check.take(text.substr(0, end), ended);
    text.remove_prefix(ended ? end + 1 : text.size());
  }
}

void write_said(JsonWriter& json, const ChainCheck::Said& said) {
  json.object()
      .field("file", said.file)
      .field("line", uint64_t{said.line})
      .field("text", said.text)
      .end();
}

std::string to_json(const ChainCheck& check, size_t files) {
  JsonWriter json = begin_output();
  json.field("intact", !check.problem().has_value())
      .field("files", uint64_t{files})
      .field("lines", uint64_t{check.verified()})
      .field("lines_without_digest", uint64_t{check.older()})
      .field("last_digest", check.last_digest());
  if (check.problem()) {
    json.key("problem");
    write_said(json, *check.problem());
  }
  json.key("notes").array();
  for (const auto& note : check.notes()) write_said(json, note);
  json.end();
  return end_output(std::move(json));
}

std::string said_text(const ChainCheck::Said& said) {
  return one_line(said.file) + ":" + std::to_string(said.line) + ": " + said.text + "\n";
}

std::string to_text(const ChainCheck& check, size_t files, const Palette& palette) {
  std::string text;
  for (const auto& note : check.notes()) text += "note: " + said_text(note);
  if (check.older() > 0)
    text += "note: " + count_of(check.older(), "line", "lines") +
            " in front of the chain, by a version of Pinscope that made none\n";
  if (check.problem())
    return text + palette.paint(Colour::kRed, "not intact") + ": " + said_text(*check.problem());
  text += palette.paint(Colour::kGreen, "intact") + ": " +
          count_of(check.verified(), "line", "lines") + " in " + count_of(files, "file", "files") +
          "\n";
  if (!check.last_digest().empty()) text += "last digest: " + check.last_digest() + "\n";
  return text;
}

}  // namespace

Result<ExitStatus> verify_trail(const Settings& settings, const std::string& expected) {
  const std::string& path = settings.hook.audit.path;
  // First, because a rotation meanwhile gives it another name.
  PINSCOPE_TRY(Trail trail, Trail::open(path));
  ChainCheck check(expected);
  size_t files = 1;
  for (const auto& file : rotated_in_order(path)) {
    if (trail.is_now(file.path)) continue;
    PINSCOPE_TRY(const std::string text, read_rotated(file.path));
    check.begin_file(file.path);
    take_text(check, text);
    ++files;
  }
  check.begin_file(path);
  PINSCOPE_CHECK(trail.read_lines([&](const std::string& line) { check.take(line); }, false));
  if (!trail.rest().empty()) check.take(trail.rest(), false);
  check.end();
  print(settings.json() ? to_json(check, files) : to_text(check, files, settings.palette()));
  return check.problem() ? kExitFailure : kExitOk;
}

}  // namespace pinscope::cli
