// Types (BTF) that a test makes: a thin owner of libbpf's builder, whose ids are numbers.
#pragma once

#include <bpf/btf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace pinscope::test {

class TypeTable {
 public:
  struct Field {
    std::string name;
    uint32_t type;
    uint32_t bit_offset;
    uint32_t bits = 0;  // of a bit field
  };

  TypeTable() : types_(btf__new_empty(), btf__free) {}

  uint32_t integer(const char* name, size_t size, int encoding = 0) {
    return made(btf__add_int(types_.get(), name, size, encoding));
  }
  uint32_t u8() { return integer("unsigned char", 1); }
  uint32_t u16() { return integer("unsigned short", 2); }
  uint32_t u32() { return integer("unsigned int", 4); }
  uint32_t u64() { return integer("unsigned long long", 8); }
  uint32_t character() { return integer("char", 1, BTF_INT_SIGNED); }
  uint32_t floating(const char* name, size_t size) {
    return made(btf__add_float(types_.get(), name, size));
  }
  uint32_t pointer(uint32_t to) { return made(btf__add_ptr(types_.get(), number(to))); }
  uint32_t alias(const char* name, uint32_t of) {
    return made(btf__add_typedef(types_.get(), name, number(of)));
  }
  uint32_t constant(uint32_t of) { return made(btf__add_const(types_.get(), number(of))); }
  uint32_t variable_memory(uint32_t of) {
    return made(btf__add_volatile(types_.get(), number(of)));
  }
  uint32_t forward(const char* name) {
    return made(btf__add_fwd(types_.get(), name, BTF_FWD_STRUCT));
  }
  uint32_t array(uint32_t of, uint32_t count) {
    return made(btf__add_array(types_.get(), number(u32()), number(of), count));
  }
  // Names and numbers; with a negative one it is signed, as clang marks it.
  uint32_t enumeration(const char* name, const std::vector<std::pair<std::string, int64_t>>& names,
                       uint32_t size = 4) {
    const auto id = made(btf__add_enum(types_.get(), name, size));
    for (const auto& [word, value] : names)
      checked(btf__add_enum_value(types_.get(), word.c_str(), value));
    return id;
  }
  uint32_t enumeration64(const char* name, bool is_signed,
                         const std::vector<std::pair<std::string, uint64_t>>& names) {
    const auto id = made(btf__add_enum64(types_.get(), name, 8, is_signed));
    for (const auto& [word, value] : names)
      checked(btf__add_enum64_value(types_.get(), word.c_str(), value));
    return id;
  }
  uint32_t structure(const char* name, uint32_t size, const std::vector<Field>& fields) {
    return with(made(btf__add_struct(types_.get(), name, size)), fields);
  }
  uint32_t alternatives(const char* name, uint32_t size, const std::vector<Field>& fields) {
    return with(made(btf__add_union(types_.get(), name, size)), fields);
  }
  // A section of global variables: name, type, offset, size.
  struct Variable {
    const char* name;
    uint32_t type;
    uint32_t offset;
    uint32_t size;
  };
  uint32_t section(const char* name, uint32_t size, const std::vector<Variable>& variables) {
    std::vector<uint32_t> ids;
    for (const Variable& each : variables)
      ids.push_back(
          made(btf__add_var(types_.get(), each.name, BTF_VAR_GLOBAL_ALLOCATED, number(each.type))));
    const auto id = made(btf__add_datasec(types_.get(), name, size));
    for (size_t i = 0; i < ids.size(); ++i)
      checked(btf__add_datasec_var_info(types_.get(), number(ids[i]), variables[i].offset,
                                        variables[i].size));
    return id;
  }

  [[nodiscard]] std::span<const std::byte> bytes() const {
    uint32_t size = 0;
    const void* data = btf__raw_data(types_.get(), &size);
    return {static_cast<const std::byte*>(data), size};
  }
  [[nodiscard]] const btf* get() const { return types_.get(); }
  // Loads it into the kernel; the descriptor stays this object's.
  int load() {
    checked(btf__load_into_kernel(types_.get()));
    return btf__fd(types_.get());
  }

 private:
  static int number(uint32_t id) { return static_cast<int>(id); }
  static int checked(int answer) {
    if (answer < 0) throw std::runtime_error("libbpf refuses a type: " + std::to_string(answer));
    return answer;
  }
  static uint32_t made(int id) { return static_cast<uint32_t>(checked(id)); }
  uint32_t with(uint32_t id, const std::vector<Field>& fields) {
    for (const Field& field : fields)
      checked(btf__add_field(types_.get(), field.name.c_str(), number(field.type), field.bit_offset,
                             field.bits));
    return id;
  }

  std::unique_ptr<btf, decltype(&btf__free)> types_;
};

}  // namespace pinscope::test
