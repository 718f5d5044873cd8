// What `pinscope compile --policy PATH --cache-dir DIR` does, for the tests of the store.
#include <cstring>

#include "plugin/policy/set/install.h"

int main(int argc, char** argv) {
  if (argc != 6 || std::strcmp(argv[1], "compile") != 0 || std::strcmp(argv[2], "--policy") != 0 ||
      std::strcmp(argv[4], "--cache-dir") != 0)
    return 2;
  const auto loaded = pinscope::policy::install(argv[3], argv[5]);
  return loaded && loaded->ok() ? 0 : 1;
}
