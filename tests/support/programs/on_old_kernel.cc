// on_old_kernel PROGRAM [ARGUMENT...]: runs the program as if on Linux 6.1, for what old_kernel.h
// says. Stands in front of the hook in a bundle.
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/programs/old_kernel.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: on_old_kernel PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  return pinscope::test::supervise_here(std::vector<std::string>(argv + 1, argv + argc),
                                        pinscope::test::refuse_what_is_new);
}
