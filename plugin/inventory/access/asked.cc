#include "plugin/inventory/access/asked.h"

#include <linux/bpf.h>

#include <algorithm>

namespace pinscope::inventory {
namespace {

using model::Probe;

Answer limited(Answer answer, Probe closes) {
  if (closes == Probe::kYes) return Answer::kNo;
  return closes == Probe::kNo ? answer : std::min(answer, Answer::kMay);
}

}  // namespace

Answer Asked::by_descriptor(Answer writes) const {
  return is_map() ? limited(writes, limits_.frozen) : writes;
}

bool Asked::is_read_by_programs() const {
  return (object.info.map_flags & BPF_F_WRONLY_PROG) == 0;
}

bool Asked::is_written_by_programs() const {
  return (object.info.map_flags & BPF_F_RDONLY_PROG) == 0;
}

Answer Asked::read_by_program(Answer reads) const {
  return is_read_by_programs() ? limited(reads, limits_.exclusive) : Answer::kNo;
}

Answer Asked::written_by_program(Answer writes) const {
  return is_written_by_programs() ? limited(writes, limits_.exclusive) : Answer::kNo;
}

std::vector<model::ObjectIdentity> users_of(const Asked& asked) {
  std::vector<model::ObjectIdentity> found;
  const auto add = [&](const std::vector<model::ObjectIdentity>& users) {
    for (const auto& user : users)
      if (user.kind != model::ObjectKind::kMap && std::ranges::find(found, user) == found.end())
        found.push_back(user);
  };
  add(asked.object.used_by);
  for (const auto& user : asked.object.used_by)
    if (const auto outer =
            user.kind == model::ObjectKind::kMap ? asked.machine.find(user) : std::nullopt)
      add(asked.machine.objects[*outer].used_by);
  // To read an iterator is to run its program.
  const auto programs = found;
  for (const auto& program : programs) {
    const auto place = asked.machine.find(program);
    if (program.kind != model::ObjectKind::kProgram || !place) continue;
    for (const auto& link : asked.machine.objects[*place].used_by) {
      const auto at = asked.machine.find(link);
      if (link.kind == model::ObjectKind::kLink && at &&
          asked.machine.objects[*at].info.type == model::kIteratorLink)
        add({link});
    }
  }
  return found;
}

std::vector<std::string> Asked::sentences() const {
  std::vector<std::string> texts;
  if (!is_map()) return texts;
  if (limits_.frozen == Probe::kYes)
    texts.emplace_back(
        "frozen: no process writes it any more, by whatever descriptor; programs do"
        " unless BPF_F_RDONLY_PROG keeps them from it");
  if (limits_.frozen == Probe::kUnknown)
    texts.emplace_back("it could not be told whether it is frozen");
  if (!is_written_by_programs()) texts.emplace_back("BPF_F_RDONLY_PROG: no program writes it");
  if (!is_read_by_programs()) texts.emplace_back("BPF_F_WRONLY_PROG: no program reads it");
  if (limits_.exclusive == Probe::kYes)
    texts.emplace_back(
        "exclusive: no program but the one that it was made for can be loaded with"
        " it; processes are not kept from it");
  if (limits_.exclusive == Probe::kUnknown)
    texts.emplace_back("it could not be told whether it is exclusive to one program");
  return texts;
}

}  // namespace pinscope::inventory
