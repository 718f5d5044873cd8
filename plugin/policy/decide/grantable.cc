#include "plugin/policy/decide/grantable.h"

#include <optional>
#include <utility>

#include "plugin/base/text.h"
#include "plugin/model/bpf_names.h"
#include "plugin/policy/decide/map_types.h"
#include "plugin/policy/decide/program_types.h"

namespace pinscope::policy {
namespace {

// Appends "key size 4, expected 8" and the like.
void compare(std::string& differences, const char* what, uint32_t found,
             const std::optional<uint32_t>& expected) {
  if (!expected || *expected == found) return;
  if (!differences.empty()) differences += "; ";
  differences +=
      std::string(what) + " " + std::to_string(found) + ", expected " + std::to_string(*expected);
}

void compare_text(std::string& differences, const char* what, const std::string& found,
                  const std::string& expected) {
  if (expected == found) return;
  if (!differences.empty()) differences += "; ";
  differences += std::string(what) + " " + quoted(found) + ", expected " + quoted(expected);
}

std::string differences_from(const model::Expect& expect, const model::ObjectInfo& info) {
  std::string differences;
  const bool is_map = info.kind == model::ObjectKind::kMap;
  if (expect.kind)
    compare_text(differences, "kind", model::name_of(info.kind), model::name_of(*expect.kind));
  if (expect.map_type)
    compare_text(differences, "type", type_name(info), model::map_type_name(*expect.map_type));
  if (expect.program_type)
    compare_text(differences, "type", type_name(info),
                 model::program_type_name(*expect.program_type));
  if (expect.link_type)
    compare_text(differences, "type", type_name(info), model::link_type_name(*expect.link_type));
  if (is_map || !expect.kind) {
    compare(differences, "key size", info.key_size, expect.key_size);
    compare(differences, "value size", info.value_size, expect.value_size);
    compare(differences, "max entries", info.max_entries, expect.max_entries);
  }
  if (expect.object_name) compare_text(differences, "name", info.name, *expect.object_name);
  return differences;
}

// An iterator is read with read(2). Its descriptor, with which it could be given another program,
// opens only for writing, which a sealed instance refuses.
Status check_read_of_link(const model::GrantedPin& grant, const model::ObjectInfo& info) {
  Error error(ErrorCode::kAccessUnsupported, "grant " + quoted(grant.source));
  if (info.type != model::kIteratorLink)
    return std::unexpected(
        std::move(error)
            .reason("a link opens only for writing")
            .hint("grant it with access: read-write, which includes the right to detach it"));
  if (grant.expect.kind != model::ObjectKind::kLink)
    return std::unexpected(
        std::move(error)
            .reason("it is an iterator, and reading one runs its program, which may show data of "
                    "the whole machine")
            .hint("say so with expect: {kind: link, type: iter}"));
  return {};
}

}  // namespace

Status check_grantable(const model::GrantedPin& grant, const model::ObjectInfo& info) {
  const auto refuse = [&](ErrorCode code, std::string reason, std::string hint) {
    return std::unexpected(Error(code, "grant " + quoted(grant.source))
                               .reason(std::move(reason))
                               .hint(std::move(hint)));
  };
  if (const auto differences = differences_from(grant.expect, info); !differences.empty())
    return refuse(ErrorCode::kSourceMismatch,
                  "the object is not what the policy expects: " + differences, "");
  if (grant.object && *grant.object != model::ObjectIdentity{info.kind, info.id})
    return refuse(ErrorCode::kSourceMismatch,
                  "it is another object than the one that was compared with what is denied",
                  "it was replaced while the container was starting; start it again");
  const bool is_map = info.kind == model::ObjectKind::kMap;
  if (!is_map && !grant.pin)
    return refuse(
        ErrorCode::kAccessUnsupported,
        std::string("it is a ") + model::name_of(info.kind) +
            ", which has no values, and nothing but values is to be shown of it",
        "say values: none for it to be pinned, or expect: {kind: map} if a map was meant");
  const MapType* type = is_map ? map_type(info.type) : nullptr;
  if (is_map && type == nullptr)
    return refuse(ErrorCode::kAccessUnsupported, unknown_map_type(info.type), kUnknownMapTypeHint);
  const bool is_program = info.kind == model::ObjectKind::kProgram;
  if (is_program && grant.access != model::Access::kUse)
    return refuse(ErrorCode::kAccessUnsupported,
                  std::string("it is a program, which cannot be granted with access: ") +
                      model::name_of(grant.access) + ": whoever has it may run and attach it",
                  "grant it with access: use, or say expect: {kind: map} if a map was meant");
  if (!is_program && grant.access == model::Access::kUse)
    return refuse(
        ErrorCode::kAccessUnsupported,
        std::string("access: use is for programs, and it is a ") + model::name_of(info.kind),
        "grant it with access: read or read-write");
  if (is_program)
    if (const char* danger = danger_of(model::TokenRight::kProgram, info.type))
      return refuse(
          ErrorCode::kAccessUnsupported,
          "a program of type " + quoted(type_name(info)) + " is granted to no container: " + danger,
          "attach it on the host");
  // Whoever has no pin opens nothing: reads are the server's, and may be of any type.
  if (grant.access != model::Access::kRead || !grant.pin) return {};
  if (info.kind == model::ObjectKind::kLink) return check_read_of_link(grant, info);
  if (type != nullptr && type->read_refused != nullptr)
    return refuse(ErrorCode::kAccessUnsupported, with_article(*type) + " " + type->read_refused,
                  std::string("access: read-write is the right ") + type->read_write);
  return {};
}

Status ObjectJudge::operator()(const model::GrantedPin& grant, const model::ObjectInfo& info) {
  PINSCOPE_CHECK(check_grantable(grant, info));
  ObjectJudge with = *this;
  PINSCOPE_CHECK(with.check_beside_others(grant, info));
  *this = std::move(with);
  return {};
}

Status ObjectJudge::check_beside_others(const model::GrantedPin& grant,
                                        const model::ObjectInfo& info) {
  if (info.kind != model::ObjectKind::kMap || !grant.pin) return {};
  const MapType* type = map_type(info.type);
  if (grant.access == model::Access::kRead) {
    if (read_.empty()) read_ = grant.source;
  } else if (type != nullptr && type->holds_maps && outer_.empty()) {
    outer_ = grant.source;
    outer_type_ = with_article(*type);
  }
  if (read_.empty() || outer_.empty()) return {};
  return std::unexpected(
      Error(ErrorCode::kAccessUnsupported, "grant " + quoted(grant.source))
          .reason("access: read of " + quoted(read_) + " would not hold beside read-write of " +
                  quoted(outer_) + ", " + outer_type_ +
                  ": the container can put the one into the other, whose owner's programs write it")
          .hint("grant the one that holds maps for reading, or give the two to different "
                "containers"));
}

}  // namespace pinscope::policy
