// The findings of `pinscope check` as a SARIF log.
#include <cctype>

#include "plugin/cli/check/formats.h"
#include "plugin/json/json.h"

namespace pinscope::cli {
namespace {

constexpr const char* kSchema =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

// The rules that results name, by their place in the list: a diagnostic has no name of its own.
constexpr struct {
  const char* id;
  const char* level;
  const char* text;
} kRules[] = {
    {"policy-error", "error", "The policy is refused, and the whole set with it."},
    {"policy-warning", "warning", "The policy is correct and may not mean what it says."},
    {"policy-note", "note",
     "The policy is correct; only who knows the machine can tell if it is right."},
};

// SARIF's levels have our words for a severity (3.27.10).
uint64_t rule_of(policy::Diagnostic::Severity severity) {
  uint64_t rule = 0;
  while (std::string_view(kRules[rule].level) != name_of(severity)) ++rule;
  return rule;
}

// A URI reference (RFC 3986): relative to where the program ran, unless the path is absolute.
std::string uri_of(const std::string& path) {
  constexpr std::string_view kPlain = "-._~/";
  const std::string name = repository_path(path);
  std::string uri = name.starts_with('/') ? "file://" : "";
  for (const char byte : name) {
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x80 && (std::isalnum(code) != 0 || kPlain.contains(byte))) {
      uri += byte;
    } else {
      append_percent_encoded(uri, byte);
    }
  }
  return uri;
}

void write_result(JsonWriter& json, const policy::Diagnostic& diagnostic) {
  const uint64_t rule = rule_of(diagnostic.severity);
  json.object()
      .field("ruleId", kRules[rule].id)
      .field("ruleIndex", rule)
      .field("level", kRules[rule].level)
      .key("message")
      .object()
      .field("text", diagnostic.message + (diagnostic.hint.empty() ? "" : "; " + diagnostic.hint))
      .end();
  json.key("locations").array().object().key("physicalLocation").object();
  json.key("artifactLocation").object().field("uri", uri_of(diagnostic.place.file)).end();
  json.key("region").object().field("startLine", diagnostic.place.line);
  if (has_exact_column(diagnostic)) json.field("startColumn", diagnostic.place.column);
  json.end().end().end().end().end();
}

}  // namespace

std::string to_sarif(const CheckFindings& found) {
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object().field("$schema", kSchema).field("version", "2.1.0").key("runs").array().object();
  json.key("tool").object().key("driver").object();
  json.field("name", "pinscope").field("version", PINSCOPE_VERSION);
  json.key("rules").array();
  for (const auto& rule : kRules) {
    json.object().field("id", rule.id);
    json.key("shortDescription").object().field("text", rule.text).end();
    json.key("defaultConfiguration").object().field("level", rule.level).end().end();
  }
  json.end().end().end();
  // The program did what it was asked for, whatever it found.
  json.key("invocations").array().object().field("executionSuccessful", true);
  json.field("exitCode", found.ok() ? int64_t{0} : int64_t{1}).end().end();
  json.field("columnKind", "unicodeCodePoints");
  json.key("artifacts").array();
  for (const auto& path : found.read) {
    json.object().key("location").object().field("uri", uri_of(path)).end();
    json.key("roles").array().value("analysisTarget").end().end();
  }
  json.end().key("results").array();
  for (const auto& diagnostic : found.diagnostics) write_result(json, diagnostic);
  json.end().end().end().end();
  return json.take() + "\n";
}

}  // namespace pinscope::cli
