#include "plugin/cli/dump/source.h"

#include <unistd.h>

#include "plugin/base/text.h"
#include "plugin/inventory/access/question.h"
#include "plugin/kernel/bpf/bpf.h"
#include "plugin/kernel/sys.h"

namespace pinscope::cli {
namespace {

constexpr std::string_view kById = "id:";

Error no_map(const std::string& word, const char* kind) {
  return Error(ErrorCode::kSourceMismatch, "show the entries of " + quoted(word))
      .reason(std::string("it is a ") + kind + ", and only maps have entries");
}

Result<Fd> open_pin(const std::string& path) {
  auto opened = kernel::get_object(path, true);
  if (!opened)
    return std::unexpected(
        Error::system("open the pin " + quoted(path), opened.error().errnum(),
                      ErrorCode::kSourceMissing)
            .hint("root finds maps by id, by name, and in containers; others open pins that they "
                  "may read"));
  PINSCOPE_TRY(const Fd descriptors, kernel::open_descriptor_directory());
  PINSCOPE_TRY(const auto info, kernel::object_info(opened->get(), descriptors.get()));
  if (info.kind != model::ObjectKind::kMap)
    return std::unexpected(no_map(path, model::name_of(info.kind)));
  return opened;
}

}  // namespace

std::string DumpSource::title() const {
  const std::string name = facts().name.empty() ? "" : " " + quoted(facts().name);
  return "map " + std::to_string(facts().id) + name;
}

Result<DumpSource> source_of(Fd map) {
  PINSCOPE_TRY(const auto facts, values::map_facts(map.get()));
  const auto types = values::open_btf(facts);
  PINSCOPE_TRY(auto shape, values::Shape::of_map(facts, types ? types->get() : -1));
  return DumpSource{std::move(map), std::move(shape)};
}

Result<DumpSource> find_source(const std::string& word, const std::string& state_directory) {
  if (::geteuid() != 0) {
    PINSCOPE_TRY(Fd map, open_pin(word));
    return source_of(std::move(map));
  }
  const std::string known = word.starts_with(kById) ? "map:" + word.substr(kById.size()) : word;
  PINSCOPE_TRY(const auto object, inventory::find_wanted(known, state_directory));
  if (object.kind != model::ObjectKind::kMap)
    return std::unexpected(no_map(word, model::name_of(object.kind)));
  PINSCOPE_TRY(Fd map, values::open_map(object.id));
  return source_of(std::move(map));
}

}  // namespace pinscope::cli
