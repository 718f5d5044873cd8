#include "tests/support/container/runtime_container.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/wait.h"

namespace pinscope::test {
namespace {

namespace fs = std::filesystem;

// Container ids also name cgroups, which are the machine's: the process id alone is not unique in a
// process namespace.
std::string unique_id(const std::string& directory) {
  return "pinscope-" + directory.substr(directory.rfind('.') + 1);
}

bool is_running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(") ");
  return end != std::string::npos && line[end + 2] != 'Z';
}

}  // namespace

std::vector<std::string> runtimes_and_newest() {
  return {"runc", "crun", "runc_forky", "crun_forky"};
}

std::string runtime_program(const std::string& name) {
  const size_t suite = name.find('_');
  if (suite == std::string::npos) return name;
  return PINSCOPE_ENGINES_DIR "/" + name.substr(suite + 1) + "-runtimes/bin/" +
         name.substr(0, suite);
}

RuntimeContainer::RuntimeContainer(std::vector<std::string> runtime)
    : runtime_(std::move(runtime)), directory_(0711), id_(unique_id(directory_.path())) {
  for (const char* name : {"proc", "sys", "dev", "tmp", "run", "etc", "bin"})
    directory_.make_directory(std::string("image/") + name);
  check(chmod(directory_.path("image/tmp").c_str(), 01777), "chmod /tmp");
  // By a process of its own: what another thread starts meanwhile would hold the file open for
  // writing, and the container's process could not become it (ETXTBSY).
  const auto copied = Command({"cp", PINSCOPE_PROBE, directory_.path("image/probe")}).run();
  if (copied.status != 0) throw std::runtime_error("cannot copy the probe: " + copied.err);
  directory_.make_directory("bundle/rootfs");
  directory_.make_directory("state");
}

RuntimeContainer::~RuntimeContainer() {
  remove(true);
  if (overlay_mounted_) umount2((bundle() + "/rootfs").c_str(), MNT_DETACH);
  umount2(directory_.path("layers").c_str(), MNT_DETACH);
}

RuntimeContainer& RuntimeContainer::probe(std::vector<std::string> commands) {
  spec.args = std::move(commands);
  spec.args.insert(spec.args.begin(), "/probe");
  return *this;
}

std::string RuntimeContainer::image() const {
  return directory_.path("image");
}

void RuntimeContainer::write_bundle() {
  const std::string rootfs = bundle() + "/rootfs";
  if (spec.overlay_rootfs && !overlay_mounted_) {
    // The upper layer may not lie on an overlay, which the machine's own root may be.
    const std::string layers = directory_.make_directory("layers");
    check(mount("tmpfs", layers.c_str(), "tmpfs", 0, "mode=0711"), "mount " + layers);
    const std::string upper = directory_.make_directory("layers/upper");
    const std::string scratch = directory_.make_directory("layers/scratch");
    const std::string options =
        "lowerdir=" + image() + ",upperdir=" + upper + ",workdir=" + scratch;
    check(mount("overlay", rootfs.c_str(), "overlay", 0, options.c_str()), "mount " + rootfs);
    overlay_mounted_ = true;
  }
  if (!spec.overlay_rootfs && !fs::is_symlink(image())) {
    fs::remove(rootfs);
    fs::rename(image(), rootfs);
    fs::create_directory_symlink(rootfs, image());
  }
  write_file(bundle() + "/config.json", to_config_json(spec));
}

CommandResult RuntimeContainer::call(std::vector<std::string> arguments, Command** kept) {
  std::vector<std::string> argv = runtime_;
  argv.insert(argv.end(), {"--root", directory_.path("state")});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto command = std::make_unique<Command>(argv);
  command->directory(bundle());
  CommandResult result = command->run();
  if (kept) {
    creation_ = std::move(command);
    *kept = creation_.get();
  }
  return result;
}

CommandResult RuntimeContainer::run() {
  write_bundle();
  return call({"run", "--bundle", bundle(), id_});
}

CommandResult RuntimeContainer::create() {
  write_bundle();
  Command* kept = nullptr;
  return call({"create", "--bundle", bundle(), id_}, &kept);
}

CommandResult RuntimeContainer::start() {
  return call({"start", id_});
}
CommandResult RuntimeContainer::kill(const std::string& signal) {
  return call({"kill", id_, signal});
}
CommandResult RuntimeContainer::remove(bool force) {
  return force ? call({"delete", "--force", id_}) : call({"delete", id_});
}
CommandResult RuntimeContainer::state() {
  return call({"state", id_});
}

std::string RuntimeContainer::output() const {
  return creation_ ? creation_->out() : "";
}

pid_t RuntimeContainer::pid() {
  const CommandResult result = state();
  auto json = JsonDocument::parse(result.out, "state", ErrorCode::kStateInvalid);
  if (result.status != 0 || !json) return 0;
  return static_cast<pid_t>(json->root().unsigned_or("pid", 0).value_or(0));
}

bool RuntimeContainer::wait_stopped(int seconds) {
  const pid_t process = pid();
  return wait_until([&] { return process <= 0 || !is_running(process); }, seconds);
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> result;
  for (const auto line : split(text, '\n')) {
    if (!line.empty()) result.emplace_back(line);
  }
  return result;
}

std::string answer(const CommandResult& result, std::string_view command) {
  const std::string start = std::string(command) + ": ";
  for (const auto& line : lines(result.out)) {
    if (line.starts_with(start)) return line.substr(start.size());
  }
  return "no answer";
}

}  // namespace pinscope::test
