#include "tests/unit/engine/machine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace pinscope::engine {
namespace {

namespace fs = std::filesystem;

}  // namespace

Machine::Machine(std::initializer_list<Entry> entries) {
  std::string name = (fs::temp_directory_path() / "pinscope-machine-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "mkdtemp: " << errno;
  root_ = name;
  for (const char* program : {"pinscope-hook", "pinscope-runtime", "runc"})
    write(std::string("/usr/bin/") + program, "#!/bin/true\n", 0755);
  for (const char* shim : {"pinscope-runtime-containerd", "pinscope-runtime-docker"})
    link(std::string("/usr/bin/") + shim, "pinscope-runtime");
  for (const auto& entry : entries) {
    if (entry.path.ends_with('/'))
      make_directory(entry.path.substr(0, entry.path.size() - 1));
    else
      write(entry.path, entry.text);
  }
  auto tree = Tree::open(root_, ::geteuid());
  EXPECT_TRUE(tree) << tree.error().sentence();
  opened_.push_back(*std::move(tree));
  tree_ = &opened_.front();
}

Machine::~Machine() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

void Machine::make_directory(const std::string& path, mode_t mode) const {
  std::string parent;
  for (const auto& part : fs::path(path).relative_path()) {
    parent += "/" + part.string();
    if (!fs::exists(root_ + parent)) {
      fs::create_directory(root_ + parent);
      ::chmod((root_ + parent).c_str(), 0755);
    }
  }
  ::chmod((root_ + path).c_str(), mode);
}

void Machine::write(const std::string& path, const std::string& text, mode_t mode) const {
  make_directory(fs::path(path).parent_path().string());
  std::ofstream(root_ + path, std::ios::binary | std::ios::trunc) << text;
  ::chmod((root_ + path).c_str(), mode);
}

void Machine::link(const std::string& path, const std::string& target) const {
  make_directory(fs::path(path).parent_path().string());
  fs::create_symlink(target, root_ + path);
}

void Machine::remove(const std::string& path) const {
  fs::remove_all(root_ + path);
}

void Machine::set_mode(const std::string& path, mode_t mode) const {
  EXPECT_EQ(::chmod((root_ + path).c_str(), mode), 0);
}

std::string Machine::read(const std::string& path) const {
  std::ifstream stream(root_ + path, std::ios::binary);
  EXPECT_TRUE(stream) << path;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

bool Machine::has(const std::string& path) const {
  return fs::exists(fs::symlink_status(root_ + path));
}

std::map<std::string, std::string> Machine::snapshot() const {
  std::map<std::string, std::string> entries;
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    const std::string path = entry.path().string().substr(root_.size());
    struct stat status {};
    EXPECT_EQ(::lstat(entry.path().c_str(), &status), 0);
    std::ostringstream text;
    text << std::oct << status.st_mode << " ";
    if (entry.is_symlink())
      text << fs::read_symlink(entry.path()).string();
    else if (entry.is_regular_file())
      text << read(path);
    entries[path] = text.str();
  }
  return entries;
}

WiringPlan Machine::install(model::Engine engine, const Options& options) const {
  return carried_out(plan_install(engine, tree(), options));
}

WiringPlan Machine::remove_wiring(model::Engine engine, const Options& options) const {
  return carried_out(plan_remove(engine, tree(), options));
}

WiringPlan Machine::carried_out(const Result<WiringPlan>& plan) const {
  if (!plan) {
    ADD_FAILURE() << plan.error().sentence();
    return {};
  }
  const auto done = make_changes(tree(), plan->changes, {});
  if (!done) ADD_FAILURE() << done.error().sentence();
  return *plan;
}

std::string Machine::refusal(model::Engine engine, const Options& options) const {
  const auto before = snapshot();
  const auto plan = plan_install(engine, tree(), options);
  EXPECT_EQ(snapshot(), before);
  if (plan) return "(it was not refused)";
  std::string sentence = plan.error().sentence();
  return sentence;
}

Options options_for(model::Engine engine) {
  Options options;
  options.hook = "/usr/bin/pinscope-hook";
  options.shim = std::string("/usr/bin/pinscope-runtime-") + model::engine_name(engine);
  return options;
}

void play_process(const Machine& machine, int pid, const std::string& program,
                  const std::vector<std::string>& arguments, bool since_boot) {
  const std::string directory = "/proc/" + std::to_string(pid);
  machine.link(directory + "/exe", "../.." + program);
  machine.write(directory + "/status", "Name:\tx\nUid:\t0\t0\t0\t0\n");
  for (const char* name : {"user", "mnt"}) {
    machine.write("/proc/1/ns/" + std::string(name), "");
    machine.link(directory + "/ns/" + name, "../../1/ns/" + std::string(name));
  }
  std::string command = program + '\0';
  for (const auto& argument : arguments) command += argument + '\0';
  machine.write(directory + "/cmdline", command);
  std::string stat = std::to_string(pid) + " (a ) b) S";
  for (int field = 4; field < 22; ++field) stat += " 0";
  machine.write(directory + "/stat", stat + (since_boot ? " 0" : " 100000000000") + " 0 0\n");
}

std::vector<std::string> findings_of(const Report& report) {
  std::vector<std::string> findings;
  for (const auto& finding : report.findings)
    findings.push_back(name_of(finding.level) + (": " + finding.detail));
  return findings;
}

}  // namespace pinscope::engine
