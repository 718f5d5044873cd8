// That the shim runs what the engine would have run without it: finds that program on the engine's
// machine, and has an installation write it down where the shim would find another one by itself.
#pragma once

#include <string>
#include <vector>

#include "plugin/engine/wiring/draft.h"
#include "plugin/engine/wiring/wiring.h"

namespace pinscope::engine {

// A program as the configuration of an engine names it, and where the engine looks for it if that
// is no path.
struct NamedProgram {
  std::string name = "runc";
  std::vector<std::string> directories;  // before the usual ones
  std::string said_by;                   // "the runtime \"crun\"", for errors
};

// Its path on the machine. An error if it is not there or others than root could change it: the
// text says what to write where. Below a root that shows no directory of programs, as in a pod, a
// path that is not in sight is taken as it is: the shim looks at it, and so does `status` on the
// machine itself.
Result<std::string> find_program(const Tree& tree, const NamedProgram& program);

// What the shim runs if its command line does not say: the administrator's word, what an
// installation wrote, what it finds. Empty if it finds none.
Result<std::string> shim_program(const Tree& tree, model::Engine engine, const std::string& shim);

// The path to hand to the shim; empty if it needs none, because it would run the same file anyhow,
// because the administrator has said in runtime.json what it is to run, or because `program` is a
// shim of ours, which would run its own low-level runtime. `shim`: the shim's path.
Result<std::string> program_to_tell(const Tree& tree, model::Engine engine,
                                    const NamedProgram& program, const std::string& shim);

// Says whether the shim runs `program`, and whether it runs anything. `told`: the one on its
// command line, or empty.
void examine_program(const Tree& tree, const NamedProgram& program, const std::string& told,
                     const std::string& shim, Report& report);

}  // namespace pinscope::engine
