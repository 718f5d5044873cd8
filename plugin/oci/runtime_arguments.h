// The command line of an OCI runtime, as engines call runc and crun: which command it is, and for
// which bundle. Nothing here changes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope::oci {

// How a runtime reads its options. runc and most others are written in Go: one dash or two, `-b=X`
// is X. crun uses argp: `-bX`, `-db X`, long options may be abbreviated, `-b=X` is "=X".
enum class OptionStyle { kGo, kArgp };

// How a runtime of this file name reads options: kArgp for crun. The name is that of the file, not
// of a link to it.
OptionStyle option_style_of(std::string_view runtime);

struct RuntimeArguments {
  std::string command;  // "create"; empty if there is none
  std::string bundle;   // as given, "." if it was not
  std::string config;   // crun's --config, "config.json" if it was not given
  std::string id;       // the container's, empty if it was not given
  std::string log;      // --log; empty if it was not given
  std::string log_format;

  // create, run and restore make a container from the bundle's config.json. (restore runs its hooks
  // as well: runc, libcontainer/criu_linux.go.)
  [[nodiscard]] bool makes_container() const {
    return command == "create" || command == "run" || command == "restore";
  }
};

// `arguments` without the program's name. kGo: options behind the container's id count, too, and of
// one that is there twice the last (urfave/cli 1.22, tried with runc 1.1.5 and 1.3.6). Never fails:
// a command line that makes no sense is the runtime's to refuse. An option that is not known here
// counts as one without a value if what follows is a command or an option.
RuntimeArguments parse_runtime_arguments(const std::vector<std::string>& arguments,
                                         OptionStyle style);

}  // namespace pinscope::oci
