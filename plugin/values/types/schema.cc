#include "plugin/values/types/schema.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <memory>
#include <unordered_map>

#include "plugin/values/types/classify.h"

namespace pinscope::values {
namespace {

struct FreeDump {
  void operator()(btf_dump* dump) const { btf_dump__free(dump); }
};
using Dump = std::unique_ptr<btf_dump, FreeDump>;

constexpr uint64_t kMaxEffort = 4'000'000;
constexpr size_t kMaxNesting = 200;

// How many steps libbpf takes to write types down: it follows members by value, and anonymous types
// behind pointers, anew each time that it meets them (btf__align_of), so that types which hold
// another twice double the work in each level.
class Effort {
 public:
  explicit Effort(const btf* types) : types_(types) {}
  [[nodiscard]] bool is_bearable(uint32_t id) {
    steps_of(id, 0);
    return total_ <= kMaxEffort;
  }

 private:
  uint64_t steps_of(uint32_t id, size_t depth) {
    if (const auto known = known_.find(id); known != known_.end()) return known->second;
    if (depth > kMaxNesting) return total_ = kMaxEffort + 1;
    const btf_type* type = btf__type_by_id(types_, id);
    if (type == nullptr) return 1;
    known_[id] = 1;  // for types that lead back to themselves
    uint64_t steps = 1;
    if (btf_is_composite(type)) {
      for (uint32_t i = 0; i < btf_vlen(type) && steps <= kMaxEffort; ++i)
        steps += steps_of(btf_members(type)[i].type, depth + 1);
    } else if (btf_is_array(type)) {
      steps += steps_of(btf_array(type)->type, depth + 1);
    } else if (btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type) ||
               btf_is_var(type) || is_pointer_to_anonymous(type)) {
      steps += steps_of(type->type, depth + 1);
    }
    total_ += steps;
    return known_[id] = steps;
  }

  [[nodiscard]] bool is_pointer_to_anonymous(const btf_type* type) const {
    if (!btf_is_ptr(type)) return false;
    const Peeled to = peel(types_, type->type);
    return to.type != nullptr && btf_is_composite(to.type) && to.type->name_off == 0;
  }

  const btf* types_;
  std::unordered_map<uint32_t, uint64_t> known_;
  uint64_t total_ = 0;
};

void append_printed(void* out, const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return;
  auto& text = *static_cast<std::string*>(out);
  const size_t start = text.size();
  text.resize(start + static_cast<size_t>(length) + 1);
  std::vsnprintf(text.data() + start, static_cast<size_t>(length) + 1, format, arguments);
#pragma GCC diagnostic pop
  text.pop_back();  // the NUL
}

}  // namespace

std::string c_definitions(const btf* types, const std::vector<uint32_t>& ids) {
  std::string text;
  const Dump dump(btf_dump__new(types, append_printed, &text, nullptr));
  if (!dump) return {};
  Effort effort(types);
  for (const uint32_t id : ids)
    if (id != 0 && (!effort.is_bearable(id) || btf_dump__dump_type(dump.get(), id) < 0)) return {};
  return text;
}

std::string c_name(const btf* types, uint32_t id) {
  std::string text;
  const Dump dump(btf_dump__new(types, append_printed, &text, nullptr));
  if (!dump || id == 0 || !Effort(types).is_bearable(id)) return {};
  btf_dump_emit_type_decl_opts options{};
  options.sz = sizeof options;
  options.field_name = "";
  if (btf_dump__emit_type_decl(dump.get(), id, &options) < 0) return {};
  return text;
}

}  // namespace pinscope::values
