#include "plugin/values/types/compile.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "plugin/values/types/classify.h"
#include "plugin/values/types/print.h"

namespace pinscope::values {
namespace {

constexpr size_t kMaxNesting = 200;
constexpr size_t kMaxOps = 200'000;
constexpr size_t kMaxText = size_t{8} << 20U;
// A program may print this many things for each byte that it is given, and some more: unions show
// the same bytes once for each member.
constexpr uint64_t kMaxForByte = 64;
constexpr uint64_t kMaxAnyway = 65'536;
constexpr uint64_t kBeyond = uint64_t{1} << 40U;  // more than any key or value has
constexpr unsigned kBitsOfByte = 8;

uint64_t product(uint64_t left, uint64_t right) {
  uint64_t result = 0;
  return __builtin_mul_overflow(left, right, &result) ? std::numeric_limits<uint64_t>::max()
                                                      : result;
}

std::string safe(std::string_view name) {
  std::string out;
  {
    Sink sink(out);
    print_escaped(sink, name);
  }
  return out;
}

// Where an operation stands.
struct Where {
  uint64_t offset = 0;  // from the element of the innermost loop
  unsigned bit = 0;     // of a bit field: after the byte at the offset
  unsigned bits = 0;    // of a bit field; else 0
  std::string_view name;
  std::string path;  // the name of the column
};

class Compiler {
 public:
  explicit Compiler(const CompileRequest& request)
      : types_(request.types), request_(request), style_(request.style) {}

  std::expected<Compiled, std::string> run() {
    Where where;
    where.path = request_.column;
    if (request_.prefix) {
      Op op;
      op.kind = OpKind::kPrefix;
      op.extra = request_.bytes;
      op.quote = style_ == Style::kJson;
      add_column(where.path);
      emit(op, where, request_.bytes);
    } else {
      type(request_.id, where, 0);
    }
    if (!pending_.empty()) emit(Op{}, {}, 0);
    if (!failure_.empty()) return std::unexpected(failure_);
    compiled_.program.bytes = request_.bytes;
    return std::move(compiled_);
  }

 private:
  Program& program() { return compiled_.program; }
  void fail(const char* reason) {
    if (failure_.empty()) failure_ = reason;
  }

  void emit(Op op, const Where& where, uint64_t size) {
    cost_ += times_;
    if (program().ops.size() >= kMaxOps || program().literals.size() > kMaxText)
      return fail("it has too many fields");
    if (cost_ > kMaxForByte * request_.bytes + kMaxAnyway)
      return fail("it would print far more than its bytes");
    if (last_base_ + where.offset + size > request_.bytes)
      return fail("its fields reach beyond its end");
    op.offset = static_cast<uint32_t>(where.offset);
    op.text = static_cast<uint32_t>(program().literals.size());
    op.text_size = static_cast<uint32_t>(pending_.size());
    program().literals += pending_;
    pending_.clear();
    program().ops.push_back(op);
  }

  void add_column(const std::string& path) {
    if (style_ != Style::kCsv) return;
    column_text_ += path.size();
    if (column_text_ > kMaxText) return fail("it has too many fields");
    compiled_.columns.push_back(path);
  }

  void type(uint32_t id, const Where& where, size_t depth) {
    if (!failure_.empty()) return;
    if (depth > kMaxNesting) return fail("its types are nested too deeply");
    // Structs without members make text and no operations.
    if (pending_.size() > kMaxText) return fail("it has too many fields");
    if (const auto scalar = classify(types_, id, where.name, request_.key))
      return scalar_at(*scalar, where);
    const Peeled peeled = peel(types_, id);
    if (btf_is_array(peeled.type)) return array(*btf_array(peeled.type), where, depth);
    if (style_ != Style::kCsv) pending_ += '{';
    bool first = true;
    if (btf_is_datasec(peeled.type))
      variables(peeled.type, where, depth, first);
    else
      members(peeled.type, where, depth, first);
    if (style_ != Style::kCsv) pending_ += '}';
  }

  // In front of a member or column.
  void separate(std::string_view name, bool& first) {
    if (!first) pending_ += style_ == Style::kText ? ' ' : ',';
    first = false;
    if (style_ == Style::kCsv) return;
    if (style_ == Style::kJson) pending_ += '"';
    pending_ += safe(name);
    pending_ += style_ == Style::kJson ? "\":" : "=";
  }

  // Members of anonymous structs and unions are those of the one around, as in C.
  void members(const btf_type* around, const Where& where, size_t depth, bool& first) {
    if (depth > kMaxNesting) return fail("its types are nested too deeply");
    // Anonymous ones without members do not even make text.
    if (++visited_ > kMaxOps) return fail("it has too many fields");
    const btf_member* member = btf_members(around);
    for (uint32_t i = 0; i < btf_vlen(around) && failure_.empty(); ++i, ++member) {
      const uint32_t bit = btf_member_bit_offset(around, i);
      Where inner;
      inner.offset = where.offset + bit / kBitsOfByte;
      inner.bit = bit % kBitsOfByte;
      inner.bits = btf_member_bitfield_size(around, i);
      inner.name = name_at(types_, member->name_off);
      if (inner.name.empty()) {
        const Peeled peeled = peel(types_, member->type);
        inner.path = where.path;
        if (peeled.type != nullptr && btf_is_composite(peeled.type))
          members(peeled.type, inner, depth + 1, first);
        continue;
      }
      field(member->type, where.path, inner, depth, first);
    }
  }

  void variables(const btf_type* section, const Where& where, size_t depth, bool& first) {
    const btf_var_secinfo* variable = btf_var_secinfos(section);
    for (uint32_t i = 0; i < btf_vlen(section) && failure_.empty(); ++i, ++variable) {
      const btf_type* var = btf__type_by_id(types_, variable->type);
      if (var == nullptr) continue;
      Where inner;
      inner.offset = where.offset + variable->offset;
      inner.name = name_at(types_, var->name_off);
      field(variable->type, where.path, inner, depth, first);
    }
  }

  void field(uint32_t id, const std::string& path, Where& inner, size_t depth, bool& first) {
    if (style_ == Style::kCsv) inner.path = path + "." + safe(inner.name);
    const Peeled peeled = peel(types_, id);
    // A struct has no column of its own; one without members has none at all.
    const bool own =
        style_ != Style::kCsv || peeled.type == nullptr || !is_struct_of_columns(id, inner.name);
    if (own) {
      separate(inner.name, first);
      return type(id, inner, depth + 1);
    }
    if (btf_is_datasec(peeled.type)) return variables(peeled.type, inner, depth + 1, first);
    members(peeled.type, inner, depth + 1, first);
  }

  bool is_struct_of_columns(uint32_t id, std::string_view name) {
    const Peeled peeled = peel(types_, id);
    return peeled.type != nullptr && !classify(types_, id, name, request_.key) &&
           !btf_is_array(peeled.type);
  }

  void array(const struct btf_array& info, const Where& where, size_t depth) {
    if (style_ == Style::kCsv) return cell(info, where, depth);
    const uint64_t stride = size_of(types_, info.type).value_or(0);
    pending_ += '[';
    if (info.nelems > 0 && stride > 0) loop(info, stride, where, depth);
    pending_ += ']';
  }

  void loop(const struct btf_array& info, uint64_t stride, const Where& where, size_t depth) {
    if (loops_ == kMaxLoops || stride > request_.bytes)
      return fail("its arrays are nested too deeply");
    Op op;
    op.kind = OpKind::kLoop;
    op.extra = info.nelems;
    emit(op, where, std::min(product(info.nelems, stride), kBeyond));
    const uint64_t times = times_;
    const uint64_t base = last_base_;
    times_ = product(times_, info.nelems);
    last_base_ += where.offset + (info.nelems - 1) * stride;
    ++loops_;
    Where element;
    element.name = where.name;
    if (failure_.empty()) type(info.type, element, depth + 1);
    // What closes the element stands in front of what separates it from the next.
    if (!pending_.empty()) emit(Op{}, {}, 0);
    pending_ = style_ == Style::kText ? " " : ",";
    Op next;
    next.kind = OpKind::kNext;
    next.stride = static_cast<uint32_t>(stride);
    emit(next, {}, 0);
    --loops_;
    times_ = times;
    last_base_ = base;
  }

  // One field of CSV with the array as JSON.
  void cell(const struct btf_array& info, const Where& where, size_t depth) {
    add_column(where.path);
    emit(Op{.kind = OpKind::kCell}, where, 0);
    style_ = Style::kJson;
    array(info, where, depth);
    if (!pending_.empty()) emit(Op{}, {}, 0);
    style_ = Style::kCsv;
    emit(Op{.kind = OpKind::kCellEnd}, where, 0);
  }

  void scalar_at(const Scalar& scalar, const Where& where) {
    add_column(where.path);
    Op op;
    op.kind = scalar.kind;
    op.size = scalar.size;
    op.bits = scalar.bits;
    op.shift = scalar.shift;
    op.is_signed = scalar.is_signed;
    op.extra = scalar.bytes;
    op.quote = style_ == Style::kJson;
    uint64_t size = scalar.bytes;
    if (where.bits != 0 || where.bit != 0) {
      if (!make_bit_field(op, where)) return fail("it has a bit field that is none");
      size = (op.shift + op.bits + kBitsOfByte - 1) / kBitsOfByte;
      op.size = static_cast<uint8_t>(size);
    }
    if (op.kind == OpKind::kEnum) op.extra = enum_index(scalar.enumeration);
    const bool text = op.kind == OpKind::kText || op.kind == OpKind::kWholeText;
    if (text && style_ == Style::kText) op.quote = true;
    const bool as_cell = text && style_ == Style::kCsv;
    if (as_cell) emit(Op{.kind = OpKind::kCell}, where, 0);
    emit(op, where, size);
    if (as_cell) emit(Op{.kind = OpKind::kCellEnd}, where, 0);
  }

  static bool make_bit_field(Op& op, const Where& where) {
    const unsigned bits = where.bits != 0 ? where.bits : op.bits;
    const unsigned shift = where.bit + op.shift;
    if (bits == 0 || bits > sizeof(uint64_t) * kBitsOfByte || shift > UINT8_MAX) return false;
    if (op.kind == OpKind::kUnsigned) op.kind = OpKind::kUnsignedBits;
    if (op.kind == OpKind::kSigned) op.kind = OpKind::kSignedBits;
    op.bits = static_cast<uint8_t>(bits);
    op.shift = static_cast<uint8_t>(shift);
    return op.kind == OpKind::kUnsignedBits || op.kind == OpKind::kSignedBits ||
           op.kind == OpKind::kBool || op.kind == OpKind::kEnum;
  }

  uint32_t enum_index(const btf_type* type) {
    const auto index = static_cast<uint32_t>(program().enums.size());
    const auto [known, added] = enum_types_.emplace(type, index);
    if (!added) return known->second;
    EnumNames names;
    for (uint32_t i = 0; i < btf_vlen(type); ++i) {
      if (btf_is_enum64(type)) {
        const struct btf_enum64& each = btf_enum64(type)[i];
        names.names.emplace_back(static_cast<int64_t>(btf_enum64_value(&each)),
                                 safe(name_at(types_, each.name_off)));
      } else {
        const struct btf_enum& each = btf_enum(type)[i];
        const int64_t number =
            btf_kflag(type) ? each.val : static_cast<int64_t>(static_cast<uint32_t>(each.val));
        names.names.emplace_back(number, safe(name_at(types_, each.name_off)));
      }
    }
    std::ranges::stable_sort(names.names, {}, [](auto& each) { return each.first; });
    program().enums.push_back(std::move(names));
    return index;
  }

  const btf* types_;
  const CompileRequest& request_;
  Style style_;
  Compiled compiled_;
  std::string pending_;  // text in front of the next operation
  std::string failure_;
  std::unordered_map<const btf_type*, uint32_t> enum_types_;
  size_t loops_ = 0;
  size_t visited_ = 0;
  uint64_t times_ = 1;      // how often the operations here are executed
  uint64_t last_base_ = 0;  // where the last element of the loops around begins
  uint64_t cost_ = 0;
  size_t column_text_ = 0;
};

}  // namespace

std::expected<Compiled, std::string> compile(const CompileRequest& request) {
  const auto size = size_of(request.types, request.id);
  const Peeled peeled = peel(request.types, request.id);
  const bool section = peeled.type != nullptr && btf_is_datasec(peeled.type);
  if (peeled.type == nullptr || (!section && size != request.bytes) ||
      (section && peeled.type->size != request.bytes))
    return std::unexpected("its type has another size than it");
  return Compiler(request).run();
}

}  // namespace pinscope::values
