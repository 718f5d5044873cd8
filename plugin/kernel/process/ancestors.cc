#include "plugin/kernel/process/ancestors.h"

#include <fcntl.h>

#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::kernel {
namespace {

constexpr size_t kStatusLimit = 64U << 10;      // bytes
constexpr size_t kCommandLineLimit = 4U << 20;  // bytes

Result<std::string> read_proc(pid_t pid, const char* name, size_t limit) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  PINSCOPE_TRY(const Fd file, open_at(AT_FDCWD, path, O_RDONLY));
  return read_all(file.get(), limit, path);
}

}  // namespace

std::optional<pid_t> parent_of_process(pid_t pid) {
  const auto status = read_proc(pid, "status", kStatusLimit);
  if (!status) return std::nullopt;
  constexpr std::string_view kField = "PPid:\t";
  for (const std::string_view line : split(*status, '\n')) {
    if (!line.starts_with(kField)) continue;
    const auto parent = parse_unsigned(line.substr(kField.size()));
    if (parent && *parent > 0) return static_cast<pid_t>(*parent);
  }
  return std::nullopt;
}

Result<std::vector<std::string>> command_line_of(pid_t pid) {
  PINSCOPE_TRY(const std::string text, read_proc(pid, "cmdline", kCommandLineLimit));
  std::vector<std::string> words;
  for (const std::string_view word : split(text, '\0')) words.emplace_back(word);
  if (!words.empty() && words.back().empty()) words.pop_back();  // each ends with a zero byte
  return words;
}

Result<std::string> program_of(pid_t pid) {
  return read_link_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/exe");
}

}  // namespace pinscope::kernel
