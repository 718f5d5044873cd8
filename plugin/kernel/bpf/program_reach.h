// Whether this kernel lets a program do more to the machine than its loader's capabilities say.
#pragma once

#include <string_view>

namespace pinscope::kernel {

// Functions of the kernel that a program may call ask for CAP_BPF and for nothing else. Since Linux
// 6.13 some of them signal any process, since 6.16 and 6.17 some read any memory: of a kernel that
// is newer, and of an older one that has them already (distributions carry BPF back), this is true.
// So it is of a kernel that cannot be asked.
bool programs_reach_machine();

// Its parts. Whether `release` ("6.12.48-amd64") is that of Linux 6.13 or later, or of none.
bool is_release_of_far_reach(std::string_view release);
// Whether the type information of a kernel in this file names one of those functions. A file that
// is not there names none: without it a program calls no function of the kernel.
bool names_far_reaching_function(const char* btf);

}  // namespace pinscope::kernel
