// A page of docs/ as a reader would try it: its files are written, its commands are run, in their
// order, and what they print has to be what the page says. In a page, a block of `yaml`, `python`,
// `c` or another language whose first line is the comment "# /PATH" or "// /PATH" is a file of the
// machine; a block of `console` has commands behind "# " and, below each, what it prints.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/machine/engine_machine.h"
#include "tests/support/programs/command.h"

namespace pinscope::test {

class Page {
 public:
  // Called with each command: what it prints, or nothing if the machine is to run it. For what a
  // reader has and a test machine has not, which is systemd.
  using Interpreter = std::function<bool(const std::string& command)>;

  // `name` below docs/.
  Page(const EngineMachine& machine, const std::string& name);

  // Fails the test at each command that prints something else than the page says. With
  // PINSCOPE_UPDATE_PAGES=1 in the environment it writes what they print into the page instead.
  void walk(const Interpreter& interpreter = {});

 private:
  struct Block;
  void run_console(Block& block, const Interpreter& interpreter) const;
  [[nodiscard]] std::string printed_by(const std::string& command) const;

  const EngineMachine& machine_;
  std::string path_;
};

// A test of pages: takes away the pins that their readers make.
class PageTest : public testing::Test {
 protected:
  void TearDown() override;
};

// What differs from run to run, replaced by what it is: times, ids, numbers of objects. Runs of
// spaces are one, because columns are as wide as what stands in them.
std::string without_what_varies(const std::string& text);

}  // namespace pinscope::test
