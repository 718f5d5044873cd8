#include "plugin/policy/set/codec.h"

#include "plugin/policy/set/compiled_generated.h"

namespace pinscope::policy {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using Text = Offset<flatbuffers::String>;
using Texts = Offset<flatbuffers::Vector<Text>>;

constexpr size_t kLongestFileName = 4096;

// Encoding. An absent vector or string is an empty one, so that most fields cost nothing.

Text put(FlatBufferBuilder& builder, const std::string& text) {
  return text.empty() ? Text() : builder.CreateString(text);
}

Texts put(FlatBufferBuilder& builder, const std::vector<std::string>& texts) {
  return texts.empty() ? Texts() : builder.CreateVectorOfStrings(texts);
}

template <typename T>
Offset<flatbuffers::Vector<T>> put(FlatBufferBuilder& builder, const std::vector<T>& values) {
  if (values.empty()) return {};
  return builder.CreateVector(values);
}

using KeysAndPatterns = std::vector<std::pair<std::string, std::vector<model::Pattern>>>;

Offset<flatbuffers::Vector<Offset<fb::Annotation>>> put(FlatBufferBuilder& builder,
                                                        const KeysAndPatterns& entries) {
  std::vector<Offset<fb::Annotation>> all;
  all.reserve(entries.size());
  for (const auto& [key, patterns] : entries) {
    const auto key_text = builder.CreateString(key);
    all.push_back(fb::CreateAnnotation(builder, key_text, put(builder, patterns)));
  }
  return put(builder, all);
}

flatbuffers::Optional<uint32_t> put(const std::optional<uint32_t>& value) {
  return value ? flatbuffers::Optional<uint32_t>(*value) : flatbuffers::nullopt;
}

template <typename Enum>
uint8_t number_of(Enum value) {
  return static_cast<uint8_t>(value);
}

template <typename Enum>
flatbuffers::Optional<uint8_t> put_enum(const std::optional<Enum>& value) {
  return value ? flatbuffers::Optional<uint8_t>(number_of(*value)) : flatbuffers::nullopt;
}

Offset<fb::Grant> put(FlatBufferBuilder& builder, const model::Grant& grant,
                      const std::string& policy_file) {
  const auto file =
      grant.place.file == policy_file ? Text() : builder.CreateString(grant.place.file);
  const auto pin = builder.CreateString(grant.pin);
  const auto as = put(builder, grant.as);
  const model::Expect& expect = grant.expect;
  const auto object_name = expect.object_name ? builder.CreateString(*expect.object_name) : Text();
  return fb::CreateGrant(builder, file, grant.place.line, grant.place.column, pin, as,
                         number_of(grant.access), put(grant.uid), put(grant.gid), put(grant.mode),
                         number_of(grant.missing), put_enum(expect.kind), put(expect.map_type),
                         put(expect.program_type), put(expect.link_type), put(expect.key_size),
                         put(expect.value_size), put(expect.max_entries), object_name,
                         put_enum(grant.values), grant.follow);
}

Offset<fb::Deny> put(FlatBufferBuilder& builder, const model::Deny& deny,
                     const std::string& policy_file) {
  const auto file = deny.place.file == policy_file ? Text() : builder.CreateString(deny.place.file);
  const auto pin = builder.CreateString(deny.pin);
  return fb::CreateDeny(builder, file, deny.place.line, deny.place.column, pin);
}

// What `select` and an item of `exclude` have in common, put before the table that holds it.
struct Keys {
  Offset<flatbuffers::Vector<uint8_t>> engines;
  Texts kubernetes_namespaces;
  Texts kubernetes_pods;
  Texts kubernetes_containers;
  Offset<flatbuffers::Vector<Offset<fb::Annotation>>> kubernetes_labels;
  Texts images;
  Texts bundles;
  Offset<flatbuffers::Vector<uint32_t>> uids;
  Offset<flatbuffers::Vector<uint32_t>> gids;
  Offset<flatbuffers::Vector<Offset<fb::NamespaceSelector>>> namespaces;
  Offset<flatbuffers::Vector<Offset<fb::Annotation>>> annotations;
};

Keys put(FlatBufferBuilder& builder, const model::Select& select) {
  std::vector<uint8_t> engines;
  engines.reserve(select.engines.size());
  for (const model::Engine engine : select.engines) engines.push_back(number_of(engine));
  std::vector<Offset<fb::NamespaceSelector>> namespaces;
  namespaces.reserve(select.namespaces.size());
  for (const auto& [kind, wanted] : select.namespaces)
    namespaces.push_back(fb::CreateNamespaceSelector(
        builder, number_of(kind), number_of(wanted.mode), put(builder, wanted.path)));
  return {.engines = put(builder, engines),
          .kubernetes_namespaces = put(builder, select.kubernetes_namespaces),
          .kubernetes_pods = put(builder, select.kubernetes_pods),
          .kubernetes_containers = put(builder, select.kubernetes_containers),
          .kubernetes_labels = put(builder, select.kubernetes_labels),
          .images = put(builder, select.images),
          .bundles = put(builder, select.bundles),
          .uids = put(builder, select.uids),
          .gids = put(builder, select.gids),
          .namespaces = put(builder, namespaces),
          .annotations = put(builder, select.annotations)};
}

Offset<fb::Exclusion> put(FlatBufferBuilder& builder, const model::Exclusion& exclusion) {
  const Keys keys = put(builder, exclusion.matching);
  return fb::CreateExclusion(builder, exclusion.place.line, exclusion.place.column, keys.engines,
                             keys.kubernetes_namespaces, keys.kubernetes_pods,
                             keys.kubernetes_containers, keys.kubernetes_labels, keys.images,
                             keys.bundles, keys.uids, keys.gids, keys.namespaces, keys.annotations);
}

Offset<fb::Delegate> put(FlatBufferBuilder& builder, const model::Delegate& delegate) {
  using model::TokenRight;
  const auto grants_at = delegate.grants_at ? builder.CreateString(*delegate.grants_at) : Text();
  const auto& rights = delegate.rights;
  return fb::CreateDelegate(builder, delegate.place.line, delegate.place.column,
                            rights[TokenRight::kCommand], rights[TokenRight::kMap],
                            rights[TokenRight::kProgram], rights[TokenRight::kAttach],
                            delegate.pinning, number_of(delegate.reach), grants_at);
}

Offset<fb::Values> put(FlatBufferBuilder& builder, const model::ViewValues& values) {
  const auto at = values.at ? builder.CreateString(*values.at) : Text();
  const auto grants = put(builder, values.grants);
  return fb::CreateValues(builder, number_of(values.mode), at, grants, put_enum(values.form),
                          put(values.list), put(values.max_age_ms));
}

// Decoding, after flatbuffers::Verifier said that every offset stays inside. Parts of a buffer may
// be shared by many others, so a few bytes could still describe any amount of data: each byte that
// is taken out must be paid for, and encode() shares nothing.
class Decoder {
 public:
  explicit Decoder(size_t budget) : budget_(budget) {}
  // The first thing that was wrong, or null. Checked once at the end.
  [[nodiscard]] const char* problem() const { return problem_; }

  void take(std::string& out, const flatbuffers::String* text) {
    if (text != nullptr && pay(text->size())) out.assign(text->c_str(), text->size());
  }

  void take(std::vector<std::string>& out,
            const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
    each(out, texts, [&](std::string& to, const flatbuffers::String* from) { take(to, from); });
  }

  void take(std::vector<uint32_t>& out, const flatbuffers::Vector<uint32_t>* numbers) {
    if (numbers != nullptr && pay(numbers->size() * sizeof(uint32_t)))
      out.assign(numbers->begin(), numbers->end());
  }

  void take(std::optional<uint32_t>& out, flatbuffers::Optional<uint32_t> value) {
    if (value) out = *value;
  }

  template <typename Enum>
  void take_enum(Enum& out, uint8_t value, Enum last) {
    if (value > number_of(last)) return fail("an enumeration is out of range");
    out = static_cast<Enum>(value);
  }

  template <typename Enum>
  void take_enum(std::optional<Enum>& out, flatbuffers::Optional<uint8_t> value, Enum last) {
    if (value) take_enum(out.emplace(), *value, last);
  }

  template <typename T, typename Vector, typename Convert>
  void each(std::vector<T>& out, const Vector* from, const Convert& convert) {
    if (from == nullptr || !pay(from->size() * sizeof(flatbuffers::uoffset_t))) return;
    out.resize(from->size());
    for (flatbuffers::uoffset_t i = 0; i < from->size() && problem_ == nullptr; ++i)
      convert(out[i], from->Get(i));
  }

  template <typename Table>
  void take_place(model::Place& out, const Table& table, const std::string& policy_file) {
    if (table.file() != nullptr)
      take(out.file, table.file());
    else
      out.file = policy_file;
    out.line = table.line();
    out.column = table.column();
  }

  void take(model::Grant& out, const fb::Grant& grant, const std::string& policy_file) {
    take_place(out.place, grant, policy_file);
    take(out.pin, grant.pin());
    take(out.as, grant.as());
    take_enum(out.access, grant.access(), model::Access::kUse);
    take(out.uid, grant.uid());
    take(out.gid, grant.gid());
    take(out.mode, grant.mode());
    take_enum(out.missing, grant.missing(), model::Missing::kWait);
    take_enum(out.expect.kind, grant.kind(), model::ObjectKind::kLink);
    take(out.expect.map_type, grant.map_type());
    take(out.expect.program_type, grant.program_type());
    take(out.expect.link_type, grant.link_type());
    take(out.expect.key_size, grant.key_size());
    take(out.expect.value_size, grant.value_size());
    take(out.expect.max_entries, grant.max_entries());
    if (grant.object_name() != nullptr) take(out.expect.object_name.emplace(), grant.object_name());
    take_enum(out.values, grant.values(), model::ValuesMode::kOnly);
    out.follow = grant.follow();
  }

  void take(model::Delegate& out, const fb::Delegate& delegate, const std::string& policy_file) {
    using model::TokenRight;
    out.place = {"", delegate.line(), delegate.column()};
    if (pay(policy_file.size())) out.place.file = policy_file;
    out.rights[TokenRight::kCommand] = delegate.commands();
    out.rights[TokenRight::kMap] = delegate.maps();
    out.rights[TokenRight::kProgram] = delegate.programs();
    out.rights[TokenRight::kAttach] = delegate.attach();
    out.pinning = delegate.pinning();
    take_enum(out.reach, delegate.reach(), model::ProgramReach::kWholeMachine);
    if (delegate.grants_at() != nullptr) take(out.grants_at.emplace(), delegate.grants_at());
  }

  void take(model::ViewValues& out, const fb::Values& values) {
    take_enum(out.mode, values.mode(), model::ValuesMode::kOnly);
    if (values.at() != nullptr) take(out.at.emplace(), values.at());
    take(out.grants, values.grants());
    take_enum(out.form, values.form(), model::ValueForm::kRaw);
    take(out.list, values.list());
    take(out.max_age_ms, values.max_age_ms());
  }

  // `table` is a Policy or an Exclusion.
  template <typename Table>
  void take(model::Select& out, const Table& table) {
    if (table.engines() != nullptr)
      for (const uint8_t engine : *table.engines()) {
        if (!pay(1)) return;
        take_enum(out.engines.emplace_back(), engine, model::Engine::kHost);
      }
    take(out.kubernetes_namespaces, table.kubernetes_namespaces());
    take(out.kubernetes_pods, table.kubernetes_pods());
    take(out.kubernetes_containers, table.kubernetes_containers());
    take(out.images, table.images());
    take(out.bundles, table.bundles());
    take(out.uids, table.uids());
    take(out.gids, table.gids());
    each(out.namespaces, table.namespaces(),
         [&](model::NamespaceSelector& to, const fb::NamespaceSelector* from) {
           take_enum(to.kind, from->kind(), model::NamespaceKind::kMount);
           take_enum(to.wanted.mode, from->mode(), model::Namespace::Mode::kPath);
           take(to.wanted.path, from->path());
         });
    const auto take_pair = [&](auto& to, const fb::Annotation* from) {
      take(to.first, from->key());
      take(to.second, from->patterns());
    };
    each(out.kubernetes_labels, table.kubernetes_labels(), take_pair);
    each(out.annotations, table.annotations(), take_pair);
  }

 private:
  void fail(const char* what) {
    if (problem_ == nullptr) problem_ = what;
  }
  bool pay(size_t bytes) {
    if (bytes > budget_) {
      fail("it describes more than it holds");
      return false;
    }
    budget_ -= bytes;
    return true;
  }

  size_t budget_;
  const char* problem_ = nullptr;
};

}  // namespace

Error damaged_set(std::string reason) {
  return Error(ErrorCode::kPolicyUnavailable, "read the compiled policy set")
      .reason(std::move(reason));
}

std::string encode(const model::Policy& policy) {
  FlatBufferBuilder builder;
  const std::string& file = policy.place.file;
  const Keys keys = put(builder, policy.select);
  std::vector<Offset<fb::Exclusion>> exclusions;
  exclusions.reserve(policy.exclusions.size());
  for (const auto& exclusion : policy.exclusions) exclusions.push_back(put(builder, exclusion));
  std::vector<Offset<fb::Grant>> grants;
  grants.reserve(policy.grants.size());
  for (const auto& grant : policy.grants) grants.push_back(put(builder, grant, file));
  std::vector<Offset<fb::Deny>> denials;
  denials.reserve(policy.denials.size());
  for (const auto& deny : policy.denials) denials.push_back(put(builder, deny, file));

  const auto file_text = builder.CreateString(file);
  const auto name = builder.CreateString(policy.name);
  const auto at = policy.view.at ? builder.CreateString(*policy.view.at) : Text();
  const auto grants_put = put(builder, grants);
  const auto denials_put = put(builder, denials);
  const auto exclusions_put = put(builder, exclusions);
  const auto delegate = policy.delegate ? put(builder, *policy.delegate) : Offset<fb::Delegate>();
  const auto values = policy.view.values ? put(builder, *policy.view.values) : Offset<fb::Values>();
  builder.Finish(fb::CreatePolicy(
      builder, file_text, policy.place.line, policy.place.column, name, policy.cdi, keys.engines,
      keys.kubernetes_namespaces, keys.kubernetes_pods, keys.kubernetes_containers,
      keys.kubernetes_labels, keys.images, keys.bundles, keys.uids, keys.gids, keys.namespaces,
      keys.annotations, at, put_enum(policy.view.layout), put_enum(policy.view.host_bpffs),
      grants_put, denials_put, delegate, exclusions_put, put_enum(policy.view.void_view), values,
      put_enum(policy.on_change)));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

Result<model::Policy> decode(std::span<const std::byte> bytes) {
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (!verifier.VerifyBuffer<fb::Policy>(nullptr))
    return std::unexpected(damaged_set("a policy in it does not verify"));
  const auto& stored = *flatbuffers::GetRoot<fb::Policy>(bytes.data());
  Decoder decoder(bytes.size());
  model::Policy policy;
  // It is copied to each exclusion, and to each grant and denial that names no other.
  if (stored.file()->size() > kLongestFileName)
    return std::unexpected(damaged_set("the name of a policy file in it is too long"));
  decoder.take(policy.place.file, stored.file());
  policy.place.line = stored.line();
  policy.place.column = stored.column();
  decoder.take(policy.name, stored.name());
  policy.cdi = stored.cdi();
  decoder.take(policy.select, stored);
  decoder.each(policy.exclusions, stored.exclusions(),
               [&](model::Exclusion& to, const fb::Exclusion* from) {
                 to.place = {policy.place.file, from->line(), from->column()};
                 decoder.take(to.matching, *from);
               });
  if (stored.view_at() != nullptr) decoder.take(policy.view.at.emplace(), stored.view_at());
  decoder.take_enum(policy.view.layout, stored.layout(), model::Layout::kBind);
  decoder.take_enum(policy.view.host_bpffs, stored.host_bpffs(), model::HostBpffs::kAllow);
  decoder.take_enum(policy.view.void_view, stored.void_view(), model::VoidView::kReject);
  decoder.take_enum(policy.on_change, stored.on_change(), model::OnChange::kApplyAlways);
  if (stored.values() != nullptr) decoder.take(policy.view.values.emplace(), *stored.values());
  const std::string& file = policy.place.file;
  decoder.each(policy.grants, stored.grants(),
               [&](model::Grant& to, const fb::Grant* from) { decoder.take(to, *from, file); });
  decoder.each(policy.denials, stored.denials(), [&](model::Deny& to, const fb::Deny* from) {
    decoder.take_place(to.place, *from, file);
    decoder.take(to.pin, from->pin());
  });
  if (stored.delegate() != nullptr)
    decoder.take(policy.delegate.emplace(), *stored.delegate(), file);
  if (decoder.problem() != nullptr)
    return std::unexpected(
        damaged_set(std::string("a policy in it is wrong: ") + decoder.problem()));
  return policy;
}

}  // namespace pinscope::policy
