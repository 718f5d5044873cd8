// Whether a process may open a pin that it sees, and what may be opened at all: the kernel's rules
// for files of a bpffs. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "plugin/inventory/machine/machine.h"
#include "plugin/kernel/process/credentials.h"

namespace pinscope::inventory {

// kMay: it cannot be told for certain.
enum class Answer : uint8_t { kNo, kMay, kYes };
const char* name_of(Answer answer);  // "no", "may", "yes"

// include/uapi/linux/capability.h; the headers of some distributions are older.
inline constexpr unsigned kCapPerfmon = 38;
inline constexpr unsigned kCapBpf = 39;

// Whether the capability counts for everything on the machine: kMay where a process gets it by
// executing a file. Nothing counts outside of its user namespace.
Answer has_capability(const kernel::Credentials& credentials, unsigned capability);

enum class Right : uint8_t { kRead = 4, kWrite = 2 };

// By owner, mode and capabilities (fs/namei.c: generic_permission). That a path leads to the pin is
// another question.
Answer may_open(const kernel::WalkedPin& pin, const kernel::Credentials& credentials, Right right);

// Whether it may change the mode of the pin, by a mount that is not read-only.
Answer owns(const kernel::WalkedPin& pin, const kernel::Credentials& credentials);

// Whether it may make a pin in some directory of the instance, by such a mount: who holds a
// descriptor for reading opens it for writing by the new pin. Never kNo, because only the root's
// mode is known.
Answer may_pin(const Instance& instance, const kernel::Credentials& credentials);

// The same process, if it kept the ids that it has; and a clause on how it gets others.
kernel::Credentials without_other_ids(kernel::Credentials credentials);
std::string taken_ids(const kernel::Credentials& credentials);

}  // namespace pinscope::inventory
