#include "tests/support/bpf/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>

#include "tests/support/machine/check.h"

namespace pinscope::test {
namespace {

bpf_insn instruction(int code, int destination, int source, int offset, int value) {
  bpf_insn made = {};
  made.code = static_cast<uint8_t>(code);
  made.dst_reg = static_cast<uint8_t>(destination & 0xf);
  made.src_reg = static_cast<uint8_t>(source & 0xf);
  made.off = static_cast<int16_t>(offset);
  made.imm = value;
  return made;
}

Fd load(uint32_t type, uint32_t attach, std::span<const bpf_insn> code, uint32_t target = 0) {
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.attach_btf_id = target;
  options.expected_attach_type = static_cast<bpf_attach_type>(attach);
  return Fd(check(bpf_prog_load(static_cast<bpf_prog_type>(type), "test_prog", "GPL", code.data(),
                                code.size(), &options),
                  "load a program of type " + std::to_string(type)));
}

}  // namespace

Fd make_program_of_type(uint32_t type, uint32_t attach) {
  const bpf_insn code[] = {instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
                           instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
  return load(type, attach, code);
}

Fd make_writer(const std::string& map_pin) {
  const Fd map(check(bpf_obj_get(map_pin.c_str()), "open pin " + map_pin));
  const bpf_insn code[] = {
      instruction(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 1),
      instruction(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -16, 99),
      instruction(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map.get()),
      instruction(0, 0, 0, 0, 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
      instruction(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0),
      instruction(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -16),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, BPF_ANY),
      instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_update_elem),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
  return load(BPF_PROG_TYPE_SOCKET_FILTER, 0, code);
}

Fd make_iterator() {
  const int target =
      check(libbpf_find_vmlinux_btf_id("bpf_map", BPF_TRACE_ITER), "find the iterator of maps");
  constexpr int kShown = 0x2070616d;  // "map "
  // Of its context, meta comes first, and of that the file to write to (include/linux/bpf.h).
  const bpf_insn code[] = {instruction(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 0, 0),
                           instruction(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 0, 0),
                           instruction(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, kShown),
                           instruction(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
                           instruction(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
                           instruction(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 4),
                           instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_seq_write),
                           instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
                           instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)};
  const Fd program =
      load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, code, static_cast<uint32_t>(target));
  return Fd(check(bpf_link_create(program.get(), 0, BPF_TRACE_ITER, nullptr), "make an iterator"));
}

const char* no_iterators() {
  return access("/sys/kernel/btf/vmlinux", F_OK) == 0 ? nullptr : "this kernel has no BTF";
}

Cgroups::Cgroups()
    : mounted_(Mounted::of_type("cgroup2", directory_.make_directory("cgroup"), "")),
      name_("pinscope-test-" + std::to_string(getpid()) + "-" +
            std::string(directory_.path().substr(directory_.path().rfind('/') + 1))) {
  check(chmod(directory_.path().c_str(), 0755), "open a directory to containers");
  check(mkdir(empty().c_str(), 0755), "make a cgroup");
}

Fd make_cgroup_link(const Cgroups& cgroups) {
  const Fd cgroup(check(open(cgroups.empty().c_str(), O_RDONLY | O_CLOEXEC), "open a cgroup"));
  const Fd program = make_program_of_type(BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE);
  return Fd(
      check(bpf_link_create(program.get(), cgroup.get(), BPF_CGROUP_INET_SOCK_CREATE, nullptr),
            "make a link to a cgroup"));
}

Cgroups::~Cgroups() {
  rmdir(empty().c_str());
}

}  // namespace pinscope::test
