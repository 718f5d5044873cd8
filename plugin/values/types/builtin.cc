#include "plugin/values/types/builtin.h"

#include <linux/bpf.h>

#include "plugin/values/read/reading.h"

namespace pinscope::values {
namespace {

constexpr uint32_t kInsnArray = 34;  // newer than the headers of the oldest distribution
constexpr uint32_t kWord = 8;

struct Field {
  const char* name;
  uint32_t offset;
  OpKind kind;
  uint8_t size;
};

// Appends an operation with `text` in front.
void add(Program& program, Op op, const std::string& text) {
  op.text = static_cast<uint32_t>(program.literals.size());
  op.text_size = static_cast<uint32_t>(text.size());
  program.literals += text;
  program.ops.push_back(op);
}

std::string before(const Field& field, bool first, Style style) {
  switch (style) {
    case Style::kJson:
      return std::string(first ? "{\"" : ",\"") + field.name + "\":";
    case Style::kText:
      return std::string(first ? "{" : " ") + field.name + "=";
    case Style::kCsv:
      return first ? "" : ",";
  }
  return "";
}

Compiled group(const std::vector<Field>& fields, uint32_t bytes, Style style,
               const std::string& column) {
  Compiled made;
  made.program.bytes = bytes;
  for (const Field& field : fields) {
    Op op;
    op.kind = field.kind;
    op.size = field.size;
    op.offset = field.offset;
    op.quote = style == Style::kJson;
    add(made.program, op, before(field, &field == fields.data(), style));
    if (style == Style::kCsv) made.columns.push_back(column + "." + field.name);
  }
  if (style != Style::kCsv) add(made.program, Op{}, "}");
  return made;
}

Compiled scalar(Op op, uint32_t bytes, const std::string& column, Style style) {
  Compiled made;
  made.program.bytes = bytes;
  op.quote = style == Style::kJson;
  add(made.program, op, "");
  if (style == Style::kCsv) made.columns.push_back(column);
  return made;
}

// The addresses of a stack, as far as it has room for them.
Compiled stack(uint32_t bytes, Style style, const std::string& column) {
  Compiled made;
  made.program.bytes = bytes;
  const bool csv = style == Style::kCsv;
  if (csv) {
    add(made.program, Op{.kind = OpKind::kCell}, "");
    made.columns.push_back(column);
  }
  add(made.program, Op{.kind = OpKind::kLoop, .extra = bytes / kWord}, "[");
  add(made.program, Op{.kind = OpKind::kPointer, .size = kWord, .quote = style != Style::kText},
      "");
  add(made.program, Op{.kind = OpKind::kNext, .stride = kWord}, style == Style::kText ? " " : ",");
  add(made.program, Op{}, "]");
  if (csv) add(made.program, Op{.kind = OpKind::kCellEnd}, "");
  return made;
}

bool has_index(uint32_t type) {
  switch (type) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_STACK_TRACE:
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_CPUMAP:
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
    case BPF_MAP_TYPE_STRUCT_OPS:
    case kInsnArray:
      return true;
    default:
      return false;
  }
}

bool is_cgroup_storage(uint32_t type) {
  return type == BPF_MAP_TYPE_CGROUP_STORAGE || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

std::vector<Field> value_fields(const MapFacts& facts) {
  const std::string id = id_in_value(facts.type);
  const uint8_t size = facts.value_size < kWord ? 4 : kWord;
  if (!id.empty()) return {{id_in_value(facts.type), 0, OpKind::kUnsigned, size}};
  std::vector<Field> fields;
  switch (facts.type) {
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_DEVMAP_HASH:
      fields = {{"ifindex", 0, OpKind::kUnsigned, 4}};
      break;
    case BPF_MAP_TYPE_CPUMAP:
      fields = {{"queue_size", 0, OpKind::kUnsigned, 4}};
      break;
    case kInsnArray:  // struct bpf_insn_array_value
      return {{"orig_off", 0, OpKind::kUnsigned, 4},
              {"xlated_off", 4, OpKind::kUnsigned, 4},
              {"jitted_off", 8, OpKind::kUnsigned, 4}};
    default:
      return {};
  }
  if (facts.value_size >= kWord) fields.push_back({"program_id", 4, OpKind::kUnsigned, 4});
  return fields;
}

}  // namespace

Compiled hex_program(uint32_t bytes, Style style, const std::string& column) {
  return scalar(Op{.kind = OpKind::kHex, .extra = bytes}, bytes, column, style);
}

std::optional<Compiled> builtin_key(const MapFacts& facts, Style style) {
  if (has_index(facts.type) && facts.key_size == 4)
    return scalar(Op{.kind = OpKind::kUnsigned, .size = 4}, 4, "key", style);
  if (is_cgroup_storage(facts.type) && facts.key_size == sizeof(bpf_cgroup_storage_key))
    return group({{"cgroup_inode_id", 0, OpKind::kUnsigned, kWord},
                  {"attach_type", kWord, OpKind::kUnsigned, 4}},
                 facts.key_size, style, "key");
  return std::nullopt;
}

std::optional<Compiled> builtin_value(const MapFacts& facts, Style style) {
  const bool build_ids = (facts.flags & BPF_F_STACK_BUILD_ID) != 0;
  if (facts.type == BPF_MAP_TYPE_STACK_TRACE && !build_ids && facts.value_size >= kWord)
    return stack(facts.value_size, style, "value");
  const std::vector<Field> fields = value_fields(facts);
  if (fields.empty() || fields.back().offset + fields.back().size > facts.value_size)
    return std::nullopt;
  return group(fields, facts.value_size, style, "value");
}

KeyLeaves builtin_leaves(const MapFacts& facts) {
  if (has_index(facts.type) && facts.key_size == 4) return {{0, 4, LeafKind::kUnsigned, false, ""}};
  if (is_cgroup_storage(facts.type) && facts.key_size == sizeof(bpf_cgroup_storage_key))
    return {{0, kWord, LeafKind::kUnsigned, false, "cgroup_inode_id"},
            {kWord, 4, LeafKind::kUnsigned, false, "attach_type"}};
  return {};
}

}  // namespace pinscope::values
