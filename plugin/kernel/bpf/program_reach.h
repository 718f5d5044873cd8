// Whether this kernel lets a program do more to the machine than its loader's capabilities say.
#pragma once

#include <string_view>

namespace pinscope::kernel {

// Whether programs can reach the whole machine by calling functions of the kernel, for which
// CAP_BPF is enough. Since Linux 6.13 some of these signal any process, since 6.16 and 6.17 some
// read any memory. True for such a kernel, for an older one that has the functions already
// (distributions backport BPF), and for a kernel that cannot be asked.
bool programs_reach_machine();

// Whether `release` ("6.12.48-amd64") is that of Linux 6.13 or later, or cannot be read. A part of
// programs_reach_machine(), for tests.
bool is_release_of_far_reach(std::string_view release);
// Whether the kernel's type information in this file names one of those functions. Without the file
// the answer is no, because then a program cannot call functions of the kernel. A part of
// programs_reach_machine(), for tests.
bool names_far_reaching_function(const char* btf);

}  // namespace pinscope::kernel
