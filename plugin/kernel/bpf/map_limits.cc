#include "plugin/kernel/bpf/map_limits.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "plugin/base/fd.h"
#include "plugin/host/file.h"
#include "plugin/kernel/bpf/call.h"

namespace pinscope::kernel {
namespace {

using model::Probe;

constexpr size_t kFdinfoLimit = size_t{16} << 10;  // bytes

union bpf_attr zeroed() {
  union bpf_attr attributes;  // NOLINT(cppcoreguidelines-pro-type-member-init): set below
  std::memset(&attributes, 0, sizeof attributes);
  return attributes;
}

// kernel/bpf/syscall.c: bpf_map_show_fdinfo, Linux 5.2.
Probe is_frozen(int map) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(map);
  const auto file = open_at(AT_FDCWD, path, O_RDONLY);
  const auto text = file ? read_all(file->get(), kFdinfoLimit, path) : Result<std::string>();
  if (!text) return Probe::kUnknown;
  if (text->find("\nfrozen:\t1") != std::string::npos) return Probe::kYes;
  return text->find("\nfrozen:\t0") != std::string::npos ? Probe::kNo : Probe::kUnknown;
}

// r1 = the map; r0 = 0; exit.
std::array<struct bpf_insn, 4> program_with(int map) {
  std::array<struct bpf_insn, 4> program{};
  program[0].code = BPF_LD | BPF_DW | BPF_IMM;
  program[0].dst_reg = BPF_REG_1;
  program[0].src_reg = BPF_PSEUDO_MAP_FD;
  program[0].imm = map;
  program[2].code = BPF_ALU64 | BPF_MOV | BPF_K;
  program[3].code = BPF_JMP | BPF_EXIT;
  return program;
}

Probe is_exclusive(int map) {
  const auto program = program_with(map);
  std::array<char, 4096> log{};
  auto attributes = zeroed();
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = as_address(program.data());
  attributes.insn_cnt = program.size();
  attributes.license = as_address("GPL");
  attributes.log_buf = as_address(log.data());
  attributes.log_size = log.size();
  attributes.log_level = 1;
  const Fd loaded(static_cast<int>(call_bpf(BPF_PROG_LOAD, &attributes, sizeof attributes)));
  if (loaded.valid()) return Probe::kNo;
  const bool is_told = errno == EACCES && std::string_view(log.data()).find("excl_prog_hash") !=
                                              std::string_view::npos;
  return is_told ? Probe::kYes : Probe::kUnknown;
}

}  // namespace

MapLimits limits_of_map(uint32_t id) {
  auto attributes = zeroed();
  attributes.map_id = id;
  const Fd map(static_cast<int>(call_bpf(BPF_MAP_GET_FD_BY_ID, &attributes, sizeof attributes)));
  if (!map.valid()) return {};
  return {is_frozen(map.get()), is_exclusive(map.get())};
}

}  // namespace pinscope::kernel
