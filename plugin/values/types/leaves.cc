#include "plugin/values/types/leaves.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "plugin/values/types/classify.h"

namespace pinscope::values {
namespace {

constexpr size_t kMaxLeaves = 32;
constexpr size_t kMaxNesting = 32;
constexpr size_t kMaxTypes = 1000;  // empty structs are no leaves
constexpr unsigned kBitsOfByte = 8;

std::optional<LeafKind> leaf_kind(const Scalar& scalar) {
  const bool whole = scalar.shift == 0 && scalar.bits == scalar.size * kBitsOfByte;
  switch (scalar.kind) {
    case OpKind::kUnsigned:
      return LeafKind::kUnsigned;
    case OpKind::kSigned:
      return LeafKind::kSigned;
    case OpKind::kBool:
      return whole ? std::optional(LeafKind::kBool) : std::nullopt;
    case OpKind::kEnum:
      return LeafKind::kEnum;
    case OpKind::kBigEndian:
      return LeafKind::kBigEndian;
    case OpKind::kIpv4:
      return LeafKind::kIpv4;
    case OpKind::kIpv6:
      return LeafKind::kIpv6;
    case OpKind::kMac:
      return LeafKind::kMac;
    case OpKind::kText:
    case OpKind::kWholeText:
      return LeafKind::kText;
    default:
      return std::nullopt;
  }
}

class Collector {
 public:
  Collector(const btf* types, uint32_t key_size) : types_(types), key_size_(key_size) {}

  // False: this key is bytes only.
  bool add(uint32_t id, uint64_t offset, const std::string& name, std::string_view called,
           size_t depth) {
    if (depth > kMaxNesting || ++visited_ > kMaxTypes) return false;
    if (const auto scalar = classify(types_, id, called, true))
      return add_scalar(*scalar, offset, name);
    const Peeled peeled = peel(types_, id);
    if (btf_is_struct(peeled.type)) return add_members(peeled.type, offset, name, depth);
    if (btf_is_array(peeled.type))
      return add_elements(*btf_array(peeled.type), offset, name, called, depth);
    return false;  // a union shows one memory in several ways
  }

  [[nodiscard]] KeyLeaves take() && { return std::move(leaves_); }

 private:
  bool add_scalar(const Scalar& scalar, uint64_t offset, const std::string& name) {
    const auto kind = leaf_kind(scalar);
    if (!kind || leaves_.size() == kMaxLeaves || scalar.bytes == 0) return false;
    if (offset < end_ || offset + scalar.bytes > key_size_) return false;
    end_ = offset + scalar.bytes;
    leaves_.push_back({static_cast<uint32_t>(offset), scalar.bytes, *kind, scalar.is_signed, name});
    return true;
  }

  bool add_members(const btf_type* type, uint64_t offset, const std::string& name, size_t depth) {
    const btf_member* member = btf_members(type);
    for (uint32_t i = 0; i < btf_vlen(type); ++i, ++member) {
      const uint32_t bit = btf_member_bit_offset(type, i);
      if (btf_member_bitfield_size(type, i) != 0 || bit % kBitsOfByte != 0) return false;
      const std::string called(name_at(types_, member->name_off));
      const std::string dot = name.empty() || called.empty() ? "" : ".";
      if (!add(member->type, offset + bit / kBitsOfByte, name + dot + called, called, depth + 1))
        return false;
    }
    return true;
  }

  bool add_elements(const struct btf_array& array, uint64_t offset, const std::string& name,
                    std::string_view called, size_t depth) {
    const uint64_t stride = size_of(types_, array.type).value_or(0);
    if (array.nelems == 0 || array.nelems > kMaxLeaves || stride == 0) return array.nelems == 0;
    for (uint32_t i = 0; i < array.nelems; ++i)
      if (!add(array.type, offset + i * stride, name + "[" + std::to_string(i) + "]", called,
               depth + 1))
        return false;
    return true;
  }

  const btf* types_;
  uint64_t key_size_;
  uint64_t end_ = 0;
  size_t visited_ = 0;
  KeyLeaves leaves_;
};

}  // namespace

KeyLeaves leaves_of(const btf* types, uint32_t id, uint32_t key_size, bool prefix) {
  if (size_of(types, id) != key_size) return {};
  if (prefix) {
    constexpr uint32_t kIpv4Bytes = 4;
    constexpr uint32_t kLength = sizeof(uint32_t);
    const uint32_t address = key_size - kLength;
    return {{0, kLength, LeafKind::kUnsigned, false, "prefixlen"},
            {kLength, address, address == kIpv4Bytes ? LeafKind::kIpv4 : LeafKind::kIpv6, false,
             "address"}};
  }
  Collector collector(types, key_size);
  if (!collector.add(id, 0, "", "", 0)) return {};
  return std::move(collector).take();
}

}  // namespace pinscope::values
