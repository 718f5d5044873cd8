// A page of docs/ as a reader would try it.
#include "tests/engines/page.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <regex>
#include <string_view>

#include "plugin/base/text.h"
#include "tests/support/machine/temp_directory.h"

namespace pinscope::test {
namespace {

// Where a reader stands: in the tree, after `./dev build`.
constexpr const char* kTree = "/root/pinscope";
constexpr std::string_view kPrompt = "# ";

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

bool updates_pages() {
  const char* value = ::getenv("PINSCOPE_UPDATE_PAGES");
  return value != nullptr && *value == '1';
}

// "# /etc/x.yaml" or "// /opt/x.c" names the file that a block is.
std::optional<std::string> file_of(const std::string& first_line) {
  for (const std::string_view comment : {kPrompt, std::string_view("// ")})
    if (first_line.starts_with(std::string(comment) + "/"))
      return first_line.substr(comment.size());
  return std::nullopt;
}

}  // namespace

// The lines between two fences; of language "" where it is the text around them.
struct Page::Block {
  std::string language;
  std::vector<std::string> lines;
};

Page::Page(const EngineMachine& machine, const std::string& name)
    : machine_(machine), path_(std::string(PINSCOPE_SOURCE_DIR) + "/docs/" + name) {
  machine_.run({"mkdir", "-p", std::string(kTree) + "/build/release"});
  machine_.run({"ln", "-s", "/opt/pinscope-test", std::string(kTree) + "/build/release/image"});
}

std::string Page::printed_by(const std::string& command) const {
  // The machine of the tests is in a PID namespace of its own; that of a reader is not.
  static const std::regex kOutside(R"(\n*not seen: processes outside of this PID [^\n]*)");
  const std::string printed =
      machine_.command({"sh", "-c", std::string("cd ") + kTree + " && { " + command + "\n} 2>&1"})
          .run()
          .out;
  return std::regex_replace(printed, kOutside, "");
}

void Page::run_console(Block& block, const Interpreter& interpreter) const {
  std::vector<std::string> actual;
  for (size_t i = 0; i < block.lines.size();) {
    const std::string prompt = block.lines[i++];
    ASSERT_TRUE(prompt.starts_with(kPrompt)) << path_ << ": no command: " << prompt;
    const std::string command = prompt.substr(kPrompt.size());
    std::vector<std::string> expected;
    while (i < block.lines.size() && !block.lines[i].starts_with(kPrompt))
      expected.push_back(block.lines[i++]);
    const bool is_done = interpreter && interpreter(command);
    const std::string printed = is_done ? "" : printed_by(command);
    if (!updates_pages()) {
      EXPECT_EQ(without_what_varies(printed), without_what_varies(joined(expected)))
          << path_ << ": " << command << "\nprinted:\n"
          << printed;
    }
    actual.push_back(prompt);
    for (const auto line : split(printed, '\n')) actual.emplace_back(line);
    if (actual.back().empty()) actual.pop_back();
  }
  block.lines = std::move(actual);
}

void Page::walk(const Interpreter& interpreter) {
  const std::string content = read_file(path_);
  std::vector<Block> blocks(1);
  for (const auto line : split(content, '\n')) {
    const bool is_fence = line.starts_with("```");
    const bool opens = is_fence && blocks.back().language.empty();
    if (opens) blocks.push_back({.language = std::string(line), .lines = {}});
    if (is_fence && !opens) blocks.emplace_back();
    if (!is_fence) blocks.back().lines.emplace_back(line);
  }
  for (auto& block : blocks) {
    if (block.language == "```console") {
      run_console(block, interpreter);
    } else if (!block.language.empty() && !block.lines.empty()) {
      if (const auto file = file_of(block.lines[0])) machine_.write(*file, joined(block.lines));
    }
  }
  if (!updates_pages()) return;
  std::vector<std::string> lines;
  for (const auto& block : blocks) {
    if (!block.language.empty()) lines.push_back(block.language);
    lines.insert(lines.end(), block.lines.begin(), block.lines.end());
    if (!block.language.empty()) lines.emplace_back("```");
  }
  std::string text = joined(lines);
  text.pop_back();  // the end of the last line is a line of its own for split()
  write_file(path_, text);
}

void PageTest::TearDown() {
  for (const char* pin :
       {"/sys/fs/bpf/flows", "/sys/fs/bpf/keys", "/sys/fs/bpf/quota", "/sys/fs/bpf/peers",
        "/sys/fs/bpf/counters", "/sys/fs/bpf/packets", "/sys/fs/bpf/bytes", "/sys/fs/bpf/agent-1",
        "/sys/fs/bpf/agent-2", "/sys/fs/bpf/agent/flows", "/sys/fs/bpf/agent/quota"})
    ::unlink(pin);
  ::rmdir("/sys/fs/bpf/agent");
}

std::string without_what_varies(const std::string& text) {
  static const std::pair<std::regex, const char*> kVarying[] = {
      {std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))"), "TIME"},
      {std::regex(R"((Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ +\d\d:\d\d)"), "DATE"},
      {std::regex(R"(\b[0-9a-f]{12,64}\b)"), "ID"},
      {std::regex(R"(\b(map|program|link) \d+)"), "$1 NUMBER"},
      {std::regex(R"(\(pid \d+\))"), "(pid NUMBER)"},
      {std::regex(R"(\bid=\d+)"), "id=NUMBER"},
      // What others have on this machine, whose objects have no namespace.
      {std::regex(R"(\b\d+ (map|program|link)s?\b)"), "NUMBER $1s"},
      {std::regex(R"((^|\n)(orphan |(map|program|link) )[^\n]*\borphan\b[^\n]*)"), ""},
      {std::regex(R"((^|\n)orphan [^\n]*)"), ""},
      {std::regex(R"(\b0:\d+\b)"), "DEVICE"},
      {std::regex(R"(\b\d+s\b)"), "AGE"},
      {std::regex(R"(\b(version) \d+\.\d+\.[\w.+~]+)"), "$1 NUMBER"},
      {std::regex(R"(cpus=\[[^\]]*\] sum=(\{[^}]*\}|\S+))"), "CPUS"},
      {std::regex(R"([ \t]+)"), " "},
      {std::regex(R"(-{3,})"), "---"},
  };
  std::string result = text;
  for (const auto& [pattern, name] : kVarying) result = std::regex_replace(result, pattern, name);
  return result;
}

}  // namespace pinscope::test
