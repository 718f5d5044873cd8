// Whether others than root can give a pin's name to another object: what is granted by a path is
// theirs then.
#pragma once

#include <string>

namespace pinscope::cli {

struct PinTrust {
  // The better ones first.
  enum class Kind {
    kRootAlone,       // nobody else can
    kWhileItIsThere,  // nobody can replace root's pin; once it is gone, others can take its name
    kOthers,          // others can, or could not be told
  } kind = Kind::kOthers;
  std::string why;  // of all but kRootAlone
};

// Of the pin at an absolute path below the directory `root`. Each directory on the way counts; no
// link is followed. Does not open the pin.
PinTrust look_at_trust(int root, const std::string& path);

}  // namespace pinscope::cli
