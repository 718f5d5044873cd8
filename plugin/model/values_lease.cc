#include "plugin/model/values_lease.h"

#include <limits>
#include <set>
#include <string_view>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/model/words.h"

namespace pinscope::model {
namespace {

// Rises when a field that is there gets another meaning; a new field does not need it.
constexpr uint64_t kFormat = 1;
constexpr size_t kSecretDigits = 64;
constexpr size_t kBytesPerMap = 160;

Result<uint32_t> number(const JsonView& object, std::string_view key) {
  PINSCOPE_TRY(const auto found, object.find(key));
  if (!found) return std::unexpected(object.make_error("the field " + quoted(key) + " is missing"));
  PINSCOPE_TRY(const uint64_t value, found->as_unsigned());
  if (value > std::numeric_limits<uint32_t>::max())
    return std::unexpected(found->make_error("too large"));
  return static_cast<uint32_t>(value);
}

Result<uint32_t> position(const JsonView& object, std::string_view key, size_t descriptors) {
  PINSCOPE_TRY(const uint32_t value, number(object, key));
  if (value >= descriptors)
    return std::unexpected(object.make_error(quoted(key) + " is no descriptor of the lease"));
  return value;
}

Result<LeasedMap> read_map(const JsonView& object, size_t descriptors) {
  LeasedMap map;
  PINSCOPE_TRY(map.name, object.string_or("name", ""));
  PINSCOPE_TRY(map.uid, number(object, "uid"));
  PINSCOPE_TRY(map.gid, number(object, "gid"));
  PINSCOPE_TRY(map.mode, number(object, "mode"));
  PINSCOPE_TRY(const auto form, object.string_or("form", ""));
  const auto known = value_named<ValueForm>(form, name_of);
  if (!known) return std::unexpected(object.make_error("the form is not known here"));
  map.values.form = *known;
  PINSCOPE_TRY(map.values.list, number(object, "list"));
  PINSCOPE_TRY(map.values.max_age_ms, number(object, "max_age_ms"));
  PINSCOPE_TRY(map.map, position(object, "map", descriptors));
  PINSCOPE_TRY(const auto btf, object.find("btf"));
  if (btf) {
    PINSCOPE_TRY(map.btf, position(object, "btf", descriptors));
  }
  return map;
}

}  // namespace

std::string to_json(const ValuesLease& lease) {
  JsonWriter json;
  json.reserve(kBytesPerMap * (lease.maps.size() + 1));
  json.object()
      .field("format", kFormat)
      .field("container", lease.container)
      .field("secret", lease.secret)
      .key("maps")
      .array();
  for (const auto& map : lease.maps) {
    json.object()
        .field("name", map.name)
        .field("uid", map.uid)
        .field("gid", map.gid)
        .field("mode", map.mode)
        .field("form", name_of(map.values.form))
        .field("list", map.values.list)
        .field("max_age_ms", map.values.max_age_ms)
        .field("map", map.map);
    if (map.btf) json.field("btf", *map.btf);
    json.end();
  }
  json.end().end();
  return json.take();
}

Result<ValuesLease> values_lease_from_json(std::string json, size_t descriptors) {
  PINSCOPE_TRY(
      const auto document,
      JsonDocument::parse(std::move(json), "the description of a lease", ErrorCode::kRecord));
  const JsonView root = document.root();
  PINSCOPE_TRY(const uint64_t format, root.unsigned_or("format", 0));
  if (format != kFormat)
    return std::unexpected(
        root.make_error("format " + std::to_string(format) + " is not known here"));
  ValuesLease lease;
  PINSCOPE_TRY(lease.container, root.string_or("container", ""));
  PINSCOPE_TRY(lease.secret, root.string_or("secret", ""));
  if (lease.secret.size() != kSecretDigits)
    return std::unexpected(root.make_error("the secret has another length"));
  PINSCOPE_TRY(const auto maps, root.find("maps"));
  if (!maps) return std::unexpected(root.make_error("the field \"maps\" is missing"));
  PINSCOPE_TRY(const auto entries, maps->elements());
  std::set<std::string_view> names;
  lease.maps.reserve(entries.size());
  for (const auto& entry : entries) {
    PINSCOPE_TRY(auto map, read_map(entry, descriptors));
    lease.maps.push_back(std::move(map));
    const std::string& name = lease.maps.back().name;
    if (name.empty() || !names.insert(name).second)
      return std::unexpected(entry.make_error("the name is empty, or another map has it"));
  }
  return lease;
}

}  // namespace pinscope::model
