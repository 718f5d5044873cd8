#include "plugin/daemon/run_hook.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/run_program.h"
#include "plugin/json/json.h"

namespace pinscope::daemon {
namespace {

constexpr size_t kMaxOutput = 16U << 10;  // bytes of stderr that are kept

// A file in memory, so that nobody has to feed a pipe.
Result<Fd> memory_file(const std::string& content) {
  Fd file(::memfd_create("pinscope-state", MFD_CLOEXEC));
  if (!file.valid()) return std::unexpected(Error::system("make a file in memory", errno));
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0)
    return std::unexpected(Error::system("write the state of a container", errno));
  return file;
}

std::string last_line(std::string_view output, std::string_view program) {
  while (output.ends_with('\n')) output.remove_suffix(1);
  std::string_view line = output.substr(output.rfind('\n') + 1);
  const std::string prefix = std::string(base_name(program)) + ": ";
  if (line.starts_with(prefix)) line.remove_prefix(prefix.size());
  return std::string(line);
}

}  // namespace

std::string state_json(const std::string& id, const std::string& status, pid_t pid,
                       const std::string& bundle) {
  JsonWriter json;
  json.object().field("ociVersion", "1.0.2").field("id", id).field("status", status);
  if (pid > 0) json.field("pid", static_cast<int32_t>(pid));
  json.field("bundle", bundle).end();
  return json.take();
}

Status run_hook(const std::string& program, const std::vector<std::string>& arguments,
                const std::string& input, std::chrono::steady_clock::time_point deadline) {
  PINSCOPE_TRY(const Fd state, memory_file(input));
  ProgramCall call{.path = program, .arguments = arguments};
  call.input = state.get();
  call.listen = ProgramCall::Listen::kErrors;
  call.max_output = kMaxOutput;
  PINSCOPE_TRY(const auto end, run_program(call, deadline));
  if (end.ok()) return {};
  std::string line = end.has_exited() ? last_line(end.output, program) : "";
  return std::unexpected(Error(ErrorCode::kSystem, "run " + quoted(program))
                             .reason(line.empty() ? end.what_happened() : std::move(line)));
}

}  // namespace pinscope::daemon
