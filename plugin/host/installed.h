// Where the running program is installed: the others of this project are beside it.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace pinscope {

// Where distributions and administrators install programs, the administrator's first.
inline constexpr std::array kInstallDirectories = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                                   "/usr/bin"};

// "/usr/bin" where the kernel does not say it (no /proc).
std::string installation_directory();

// The path of another program there, which need not be there.
std::string program_beside(std::string_view name);

}  // namespace pinscope
