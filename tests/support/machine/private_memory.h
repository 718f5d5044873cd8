// What only one process has in memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace pinscope::test {

// Bytes: Private_Clean and Private_Dirty of /proc/PID/smaps_rollup; 0 if it has ended.
inline uint64_t private_memory(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  uint64_t total = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kilobytes = 0;
    words >> name >> kilobytes;
    if (name == "Private_Clean:" || name == "Private_Dirty:") total += kilobytes * 1024;
  }
  return total;
}

}  // namespace pinscope::test
