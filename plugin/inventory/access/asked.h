// The object that is asked about, and what its flags close for everybody. Pure; for the files of
// this folder.
#pragma once

#include <string>
#include <vector>

#include "plugin/inventory/access/permission.h"
#include "plugin/inventory/machine/machine.h"
#include "plugin/kernel/bpf/map_limits.h"

namespace pinscope::inventory {

// An object, with what its flags leave of an answer.
class Asked {
 public:
  Asked(const Machine& all, const Object& what, const kernel::MapLimits& limits)
      : machine(all), object(what), limits_(limits) {}

  [[nodiscard]] bool is_map() const { return object.info.kind == model::ObjectKind::kMap; }
  // To write by a descriptor; to read and to write by a program that is loaded with it.
  [[nodiscard]] Answer by_descriptor(Answer writes) const;
  [[nodiscard]] Answer read_by_program(Answer reads) const;
  [[nodiscard]] Answer written_by_program(Answer writes) const;
  // The same of programs that have it already, which an exclusive map was made for.
  [[nodiscard]] bool is_read_by_programs() const;
  [[nodiscard]] bool is_written_by_programs() const;
  // What the flags close, in sentences.
  [[nodiscard]] std::vector<std::string> sentences() const;

  const Machine& machine;
  const Object& object;

 private:
  kernel::MapLimits limits_;
};

// The programs that have a map, by themselves, in a map that they have, or as the target of the
// iterator that they are, and the links of these iterators; by kind and id, each once.
std::vector<model::ObjectIdentity> users_of(const Asked& asked);

}  // namespace pinscope::inventory
