#include "plugin/model/low_level_runtime.h"

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/json/json.h"

namespace pinscope::model {

std::string runtime_file_of(Engine engine) {
  return std::string("/etc/pinscope/runtime-") + engine_name(engine) + ".json";
}

Result<std::string> parse_runtime_file(std::string text, const std::string& name) {
  PINSCOPE_TRY(const auto json,
               JsonDocument::parse(std::move(text), name, ErrorCode::kConfigInvalid));
  PINSCOPE_TRY(const auto members, json.root().members());
  for (const auto& [key, value] : members)
    if (key != "runtime")
      return std::unexpected(
          json.root().make_error("there is no key " + quoted(key)).hint("known: \"runtime\""));
  auto path = json.root().string_or("runtime", "");
  if (path && !path->empty() && !path->starts_with('/'))
    return std::unexpected(json.root().make_error(quoted(*path) + " is not an absolute path"));
  return path;
}

std::string runtime_file_text(const std::string& program) {
  JsonWriter json;
  json.object().field("runtime", program).end();
  return json.take() + "\n";
}

bool is_shim(std::string_view path) {
  return base_name(path).starts_with("pinscope-runtime");
}

std::string why_not_to_run(std::string_view path, const struct stat& status,
                           const std::optional<struct stat>& shim) {
  if (!S_ISREG(status.st_mode) || (status.st_mode & 0111U) == 0) return "it is not a program";
  const bool is_the_file = shim && shim->st_dev == status.st_dev && shim->st_ino == status.st_ino;
  return is_shim(path) || is_the_file ? "it is pinscope-runtime itself" : "";
}

bool has_own_kernel(std::string_view path) {
  const std::string_view name = base_name(path);
  for (const char* known : {"runsc", "kata", "qemu-system", "cloud-hypervisor", "firecracker"})
    if (name.starts_with(known)) return true;
  return false;
}

}  // namespace pinscope::model
