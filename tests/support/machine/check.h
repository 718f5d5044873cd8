// check(): what test support does when the machine refuses something that no test is about. It
// throws, and GoogleTest turns that into a failure of the running test with this text.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace pinscope::test {

// `result` is that of a system call: negative means errno says why.
template <typename T>
T check(T result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::system_category(), what);
  return result;
}

}  // namespace pinscope::test
