// A machine of files: a directory tree below a temporary root, described as a list, which the
// engine's wiring is installed into. No root is needed: what the tests' user owns is trusted.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "plugin/engine/engines.h"

namespace pinscope::engine {

struct Entry {
  std::string path;  // "/etc/docker/": a directory
  std::string text = {};
};

class Machine {
 public:
  // The programs of Pinscope are on it already, in /usr/bin.
  Machine(std::initializer_list<Entry> entries);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void write(const std::string& path, const std::string& text, mode_t mode = 0644) const;
  void link(const std::string& path, const std::string& target) const;
  void make_directory(const std::string& path, mode_t mode = 0755) const;
  void remove(const std::string& path) const;
  void set_mode(const std::string& path, mode_t mode) const;
  [[nodiscard]] std::string read(const std::string& path) const;
  [[nodiscard]] bool has(const std::string& path) const;
  // Every path below the root with its mode, and the content of files and links.
  [[nodiscard]] std::map<std::string, std::string> snapshot() const;
  [[nodiscard]] const Tree& tree() const { return *tree_; }
  [[nodiscard]] const std::string& root() const { return root_; }

  // Plans and does it. Expected to work; returns the plan.
  WiringPlan install(model::Engine engine, const Options& options) const;
  WiringPlan remove_wiring(model::Engine engine, const Options& options = {}) const;
  // The sentence of the error.
  [[nodiscard]] std::string refusal(model::Engine engine, const Options& options) const;
  [[nodiscard]] Report report(model::Engine engine) const { return examine(engine, tree()); }

 private:
  [[nodiscard]] WiringPlan carried_out(const Result<WiringPlan>& plan) const;

  std::string root_;
  std::vector<Tree> opened_;
  const Tree* tree_ = nullptr;
};

// A process of root's on the machine, started at boot or in a far future. `program` must be there.
void play_process(const Machine& machine, int pid, const std::string& program,
                  const std::vector<std::string>& arguments, bool since_boot = false);
// As the command line would fill them in.
Options options_for(model::Engine engine);
// "fail: …", "ok: …", one for each finding.
std::vector<std::string> findings_of(const Report& report);

}  // namespace pinscope::engine
