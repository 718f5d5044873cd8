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
  json.field("intact", check.problem_count() == 0)
      .field("files", uint64_t{files})
      .field("lines", uint64_t{check.verified()})
      .field("lines_without_digest", uint64_t{check.older()})
      .field("last_digest", check.last_digest());
  json.field("problem_count", uint64_t{check.problem_count()});
  json.key("problems").array();
  for (const auto& problem : check.problems()) write_said(json, problem);
  json.end();
  json.key("notes").array();
  for (const auto& note : check.notes()) write_said(json, note);
  json.end();
  return end_output(std::move(json));
}

std::string said_text(const ChainCheck::Said& said) {
  const std::string line = said.line == 0 ? "" : ":" + std::to_string(said.line);
  return one_line(said.file) + line + ": " + said.text + "\n";
}

std::string problems_text(const ChainCheck& check, const Palette& palette) {
  const std::string head = palette.paint(Colour::kRed, "not intact") + ": ";
  std::string text;
  for (const auto& problem : check.problems()) text += head + said_text(problem);
  const size_t more = check.problem_count() - check.problems().size();
  if (more > 0) text += head + count_of(more, "more problem", "more problems") + "\n";
  return text;
}

std::string to_text(const ChainCheck& check, size_t files, const Palette& palette) {
  std::string text;
  for (const auto& note : check.notes()) text += "note: " + said_text(note);
  if (check.older() > 0)
    text += "note: " + count_of(check.older(), "line", "lines") +
            " in front of the chain, by a version of Pinscope that made none\n";
  if (check.problem_count() > 0) return text + problems_text(check, palette);
  if (check.verified() == 0) return text;
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
  return check.problem_count() > 0 ? kExitFailure : kExitOk;
}

}  // namespace pinscope::cli
