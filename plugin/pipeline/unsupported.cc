#include "plugin/pipeline/unsupported.h"

#include <string>
#include <string_view>

#include "plugin/base/text.h"

namespace pinscope {

Status refuse_unsupported(const kernel::ContainerProcess& process) {
  const std::string program = process.program_name();
  const auto is = [&](std::string_view prefix) { return program.starts_with(prefix); };
  if (is("criu"))  // criu-4.1, as distributions and people name it
    return std::unexpected(Error(ErrorCode::kRuntimeUnsupported,
                                 "give a view to a container that is restored from a checkpoint")
                               .reason("CRIU mounts what the checkpoint holds after this hook")
                               .hint("start it anew, or let no policy select it"));
  if (!is("runsc") && !is("qemu-system") && !is("cloud-hypervisor") && !is("firecracker"))
    return {};
  return std::unexpected(
      Error(ErrorCode::kRuntimeUnsupported, "give a view to a container of " + quoted(program))
          .reason("it does not run on this kernel")
          .hint("let no policy select containers of gVisor or Kata"));
}

}  // namespace pinscope
