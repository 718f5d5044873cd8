// What a test may leave behind, as a value to compare: `EXPECT_EQ(before, after)`. The listener of
// the root suites (root_main.cc) compares all of it around every test; a test of the program's
// own tidiness takes a Snapshot at the moments it is about.
#pragma once

#include <sys/types.h>

#include <iosfwd>
#include <string>
#include <vector>

namespace pinscope::test {

struct Snapshot {
  std::vector<std::string> mounts;       // of our mount namespace: "ID POINT TYPE OPTIONS"
  std::vector<std::string> descriptors;  // of this process: "NUMBER TARGET"
  std::vector<std::string> processes;    // below this process: "PID COMMAND"
  std::vector<std::string> pins;         // everything below /sys/fs/bpf

  static Snapshot take();
  bool operator==(const Snapshot&) const = default;
};

// Prints the whole of it; GoogleTest uses this when a comparison fails.
std::ostream& operator<<(std::ostream& stream, const Snapshot& snapshot);

// One line for each difference, "+" for what is new and "-" for what is gone.
std::vector<std::string> differences(const Snapshot& before, const Snapshot& after);

// Mount points at and below a path, in the order of the mount table.
std::vector<std::string> mounts_below(const std::string& path);
// The same in the mount namespace of another process.
std::vector<std::string> mounts_below(const std::string& path, pid_t pid);

// Every file below `root`, relative to it, sorted, with kind, mode, owner and, for regular files
// and links, content: for state directories.
std::vector<std::string> files_below(const std::string& root);

}  // namespace pinscope::test
