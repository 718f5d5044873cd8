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
