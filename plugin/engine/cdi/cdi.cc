#include "plugin/engine/cdi/cdi.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/json/json.h"
#include "plugin/model/hook_entry.h"

namespace pinscope::engine {
namespace {

constexpr size_t kLargestCdiFile = size_t{16} << 20;  // bytes
constexpr std::string_view kRequire = "--require-policy";

void write_hook(JsonWriter& json, const model::HookEntry& hook) {
  json.object().field("hookName", hook.stage);
  add_members(json, hook);
  json.end();
}

// The hook that requires the policy of this device.
Result<std::string> hook_of(const JsonView& device, std::string_view policy) {
  PINSCOPE_TRY(const auto edits, device.find("containerEdits"));
  if (!edits) return std::string();
  PINSCOPE_TRY(const auto hooks, edits->find("hooks"));
  if (!hooks) return std::string();
  PINSCOPE_TRY(const auto entries, hooks->elements());
  for (const auto& entry : entries) {
    PINSCOPE_TRY(const auto args, entry.find("args"));
    if (!args) continue;
    PINSCOPE_TRY(const auto words, args->elements());
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      PINSCOPE_TRY(const auto word, words[i].as_string());
      PINSCOPE_TRY(const auto next, words[i + 1].as_string());
      if (word == kRequire && next == policy) return entry.string_or("path", "");
    }
  }
  return std::string();
}

Result<CdiFile> parse(std::string text, const std::string& path) {
  CdiFile file;
  file.text = text;
  PINSCOPE_TRY(const auto document, JsonDocument::parse(std::move(text), path, ErrorCode::kSystem));
  PINSCOPE_TRY(const auto kind, document.root().string_or("kind", ""));
  if (kind != kCdiKind)
    return std::unexpected(
        document.root().make_error("the kind is " + quoted(kind) + ", not " + quoted(kCdiKind)));
  PINSCOPE_TRY(const auto devices, document.root().find("devices"));
  if (!devices) return file;
  PINSCOPE_TRY(const auto entries, devices->elements());
  for (const auto& entry : entries) {
    CdiFile::Device device;
    PINSCOPE_TRY(device.policy, entry.string_or("name", ""));
    PINSCOPE_TRY(device.hook, hook_of(entry, device.policy));
    file.devices.push_back(std::move(device));
  }
  return file;
}

Result<std::optional<CdiFile>> read(const std::string& path) {
  const auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().errnum() == ENOENT) return std::nullopt;
  const auto not_ours = [&](Error error) {
    return std::unexpected(std::move(error).hint(
        "it is not a file that pinscope wrote: move it away, or choose another --spec-dir"));
  };
  if (!file) return not_ours(Error::system("open " + quoted(path), file.error().errnum()));
  struct stat status {};
  if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode))
    return not_ours(Error(ErrorCode::kSystem, "read " + quoted(path)).reason("it is no file"));
  PINSCOPE_TRY(auto text, read_all(file->get(), kLargestCdiFile, path));
  auto parsed = parse(std::move(text), path);
  if (!parsed) return not_ours(std::move(parsed).error());
  return *std::move(parsed);
}

}  // namespace

std::string cdi_device(std::string_view policy) {
  return std::string(kCdiKind) + "=" + std::string(policy);
}

std::string cdi_spec(const std::vector<std::string>& policies, const CdiWiring& wiring) {
  // Hooks are in the oldest version that readers know; names that start with a digit are not.
  const bool has_digit = std::ranges::any_of(
      policies, [](const std::string& name) { return name[0] >= '0' && name[0] <= '9'; });
  JsonWriter json(JsonWriter::Style::kPretty);
  json.object()
      .field("cdiVersion", has_digit ? "0.5.0" : "0.3.0")
      .field("kind", kCdiKind)
      .key("devices")
      .array();
  for (const auto& policy : policies) {
    json.object().field("name", policy).key("containerEdits").object().key("hooks").array();
    std::vector<std::string> arguments = {std::string(kRequire), policy};
    arguments.insert(arguments.end(), wiring.options.begin(), wiring.options.end());
    write_hook(json, model::hook_entry("createRuntime", wiring.hook, arguments));
    write_hook(json, model::hook_entry("poststop", wiring.hook, wiring.options));
    json.end().end().end();
  }
  json.end().end();
  return json.take() + '\n';
}

Result<std::optional<CdiFile>> read_cdi_file(const std::string& directory) {
  return read(join(directory, kCdiFileName));
}

Result<bool> write_cdi_file(const std::string& directory, const std::string& text) {
  constexpr mode_t kDirectoryMode = 0755;
  constexpr mode_t kFileMode = 0644;
  PINSCOPE_TRY(const Fd fd, make_directory(directory, kDirectoryMode));
  PINSCOPE_TRY(const auto present, read_cdi_file(directory));
  if (present && present->text == text) return false;
  PINSCOPE_CHECK(in_context(write_atomically(fd.get(), kCdiFileName, text, kFileMode, true),
                            "in " + quoted(directory)));
  return true;
}

Result<bool> remove_cdi_file(const std::string& directory) {
  const std::string path = join(directory, kCdiFileName);
  PINSCOPE_TRY(const auto present, read_cdi_file(directory));
  if (!present) return false;
  if (::unlink(path.c_str()) != 0)
    return std::unexpected(Error::system("remove " + quoted(path), errno));
  return true;
}

}  // namespace pinscope::engine
