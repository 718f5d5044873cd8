#include "plugin/daemon/run_hook.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "plugin/base/fd.h"
#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/spawn.h"
#include "plugin/json/json.h"

namespace pinscope::daemon {
namespace {

using Clock = std::chrono::steady_clock;

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

// Reads until the other end is closed; false if that is not the case by `deadline`.
bool drain(int fd, Clock::time_point deadline, std::string& output) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    struct pollfd poll_fd = {fd, POLLIN, 0};
    if (::poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) <= 0) continue;
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count == 0 || (count < 0 && errno != EINTR)) return true;
    if (count <= 0) continue;
    output.append(buffer.data(), static_cast<size_t>(count));
    if (output.size() > kMaxOutput) output.erase(0, output.size() - kMaxOutput);
  }
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
                const std::string& input, Clock::time_point deadline) {
  const std::string operation = "run " + quoted(program);
  PINSCOPE_TRY(const Fd state, memory_file(input));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(Error::system(operation, errno));
  const Fd errors(ends[0]);
  Fd errors_in(ends[1]);
  std::vector<std::string> texts = arguments;
  std::vector<char*> argv;
  argv.reserve(texts.size() + 1);
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t child = 0;
  {
    const SpawnSettings settings(state.get(), SpawnSettings::kNull, errors_in.get());
    if (const int error = ::posix_spawn(&child, program.c_str(), settings.actions(),
                                        settings.attributes(), argv.data(), environment);
        error != 0)
      return std::unexpected(Error::system(operation, error));
  }
  errors_in.reset();
  std::string output;
  const bool in_time = drain(errors.get(), deadline, output);
  const int status = wait_for_end(child, deadline).status.value_or(0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  Error error(ErrorCode::kSystem, operation);
  if (!in_time) return std::unexpected(std::move(error).reason("it did not end in time"));
  if (WIFSIGNALED(status))
    return std::unexpected(
        std::move(error).reason("it was ended by signal " + std::to_string(WTERMSIG(status))));
  std::string line = last_line(output, program);
  return std::unexpected(std::move(error).reason(
      line.empty() ? "it ended with status " + std::to_string(WEXITSTATUS(status))
                   : std::move(line)));
}

}  // namespace pinscope::daemon
