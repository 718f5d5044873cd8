// The programs on a node. A release is a directory PREFIX/releases/VERSION-HASH that is made whole
// and never changed; PREFIX/bin is a link to one of them. So what an engine was told
// (PREFIX/bin/pinscope-hook) stays true, a program that runs is never written to, and a hook always
// finds the compiler of its own release beside it, also while a new one is put in place.
#pragma once

#include <string>
#include <vector>

#include "plugin/base/fd.h"
#include "plugin/base/result.h"

namespace pinscope::node {

class Programs {
 public:
  // Opens what is to be installed: pinscope and pinscope-hook, which must be in `directory`, and of
  // pinscope-runtime and pinscoped what is there. The shim gets a link for each engine.
  static Result<Programs> open(const std::string& directory);

  // "0.1.0-0123456789abcdef": the version, and a hash of every program.
  [[nodiscard]] const std::string& release() const { return release_; }

  // Makes the release if it is not there, points PREFIX/bin at it, and removes releases older than
  // the one before. PREFIX and what is above it must be root's.
  [[nodiscard]] Status install(const std::string& prefix) const;

 private:
  struct Program {
    std::string name;
    Fd file;
  };
  struct Link {
    std::string name;
    std::string target;
  };
  [[nodiscard]] Status copy_to(int directory) const;
  [[nodiscard]] bool is_whole(int releases) const;

  std::vector<Program> programs_;
  std::vector<Link> links_;
  std::string release_;
};

// A file in PREFIX; if it exists, remove_programs() leaves the shim. Without policies the shim
// passes every call on, and two things may still need it: an engine that was not restarted since
// the wiring was removed, which starts everything through it, and containers that it has started,
// which nothing else can end. Neither can be seen from a pod, so a person has to remove the shim.
inline constexpr const char* kShimStays = "why-the-shim-stays.txt";
// The text of that file. `prefix` is as the node sees it.
std::string why_the_shim_stays(const std::string& prefix);

// Removes PREFIX/bin first, then every release, then the directories if they are empty. If
// kShimStays exists, it stays, and so do PREFIX/bin and the shim in its release.
Status remove_programs(const std::string& prefix);

}  // namespace pinscope::node
