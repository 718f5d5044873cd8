#include "plugin/cli/dump/writer.h"

#include <cstring>

#include "plugin/base/text.h"
#include "plugin/json/json.h"
#include "plugin/values/read/walk.h"

namespace pinscope::cli {
namespace {

using model::ValueForm;

const char* word_of(Change change) {
  switch (change) {
    case Change::kAdded:
      return "added";
    case Change::kChanged:
      return "changed";
    case Change::kRemoved:
      return "removed";
  }
  return "";
}

const char* sign_of(Change change) {
  switch (change) {
    case Change::kAdded:
      return "+ ";
    case Change::kChanged:
      return "~ ";
    case Change::kRemoved:
      return "- ";
  }
  return "";
}

std::string as_json(std::string_view text) {
  return JsonWriter().value(text).take();
}

// The entries of the map in this place; an error if it cannot be read, or has gone.
template <typename Use>
Status for_each_inner(uint32_t id, const Use& use) {
  PINSCOPE_TRY(Fd map, values::open_map(id));
  PINSCOPE_TRY(const DumpSource inner, source_of(std::move(map)));
  values::Walk walk(inner.map.get(), inner.facts());
  for (values::EntryBlock block;;) {
    PINSCOPE_TRY(const size_t count, walk.next(block));
    if (count == 0) return {};
    for (size_t i = 0; i < count; ++i) use(inner.shape, block.key(i), block.value(i));
  }
}

}  // namespace

void EntryWriter::append_header(std::string& out, bool changes) const {
  if (format_ == DumpFormat::kCsv) out += (changes ? "change," : "") + source_.shape.csv_header();
}

void EntryWriter::append(std::string& out, values::Bytes key, values::Bytes value) const {
  if (format_ == DumpFormat::kCsv) return source_.shape.append_csv(out, key, value);
  if (inner_) return append_with_inner(out, key, value);
  source_.shape.append_entry(
      out, format_ == DumpFormat::kJson ? ValueForm::kJson : ValueForm::kText, key, value);
}

void EntryWriter::append_with_inner(std::string& out, values::Bytes key,
                                    values::Bytes value) const {
  uint32_t id = 0;
  std::memcpy(&id, value.data(), std::min(sizeof id, value.size()));
  if (format_ == DumpFormat::kText) {
    source_.shape.append_entry(out, ValueForm::kText, key, value);
    const Status read =
        for_each_inner(id, [&](const values::Shape& shape, auto inner_key, auto inner) {
          out += "    ";
          shape.append_entry(out, ValueForm::kText, inner_key, inner);
        });
    if (!read) out += "    " + one_line(read.error().sentence()) + "\n";
    return;
  }
  out += R"({"key":)";
  source_.shape.append_key(out, ValueForm::kJson, key);
  out += R"(,"value":{"map_id":)" + std::to_string(id) + R"(,"entries":[)";
  bool first = true;
  const Status read =
      for_each_inner(id, [&](const values::Shape& shape, auto inner_key, auto inner) {
        if (!first) out += ',';
        first = false;
        shape.append_entry(out, ValueForm::kJson, inner_key, inner);
        out.pop_back();  // the line feed
      });
  out += ']';
  if (!read) out += ",\"error\":" + as_json(read.error().sentence());
  out += "}}\n";
}

void EntryWriter::append_change(std::string& out, Change change, values::Bytes key,
                                values::Bytes was, values::Bytes value) const {
  const auto& shape = source_.shape;
  const values::Bytes now = change == Change::kRemoved ? was : value;
  if (format_ == DumpFormat::kCsv) {
    std::string lines;
    shape.append_csv(lines, key, now);
    for (const auto line : split(std::string_view(lines).substr(0, lines.size() - 1), '\n'))
      out += std::string(word_of(change)) + "," + std::string(line) + "\n";
    return;
  }
  if (format_ == DumpFormat::kText) {
    out += sign_of(change);
    shape.append_entry(out, ValueForm::kText, key, change == Change::kAdded ? value : was);
    if (change != Change::kChanged) return;
    out.back() = ' ';
    out += "-> ";
    shape.append_value(out, ValueForm::kText, value);
    out += '\n';
    return;
  }
  out += std::string(R"({"change":")") + word_of(change) + '"';
  if (!key.empty()) {
    out += ",\"key\":";
    shape.append_key(out, ValueForm::kJson, key);
  }
  if (change != Change::kAdded) {
    out += ",\"was\":";
    shape.append_value(out, ValueForm::kJson, was);
  }
  if (change != Change::kRemoved) {
    out += ",\"value\":";
    shape.append_value(out, ValueForm::kJson, value);
  }
  out += "}\n";
}

}  // namespace pinscope::cli
