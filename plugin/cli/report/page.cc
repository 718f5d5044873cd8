#include "plugin/cli/report/page.h"

#include <algorithm>
#include <cstring>

#include "plugin/base/text.h"
#include "plugin/cli/report/assets.h"
#include "plugin/cli/report/markup.h"
#include "plugin/cli/term/table.h"
#include "plugin/model/shapes.h"

namespace pinscope::cli {
namespace {

// "c2-7": the cell of row 2 and column 7.
std::string anchor_of(size_t row, size_t column) {
  return "c" + std::to_string(row) + "-" + std::to_string(column);
}

// Ids as the tables shorten them; the whole text is in the tooltip.
void put_text(Element element, const std::string& text) {
  const std::string shown = with_short_ids(text);
  if (shown != text) element.set("title", text);
  element.text(shown);
}

// A list with column heads, to whose rows the page's search applies.
class List {
 public:
  List(Element parent, const std::vector<const char*>& heads)
      : table_(parent.add("div").set("class", "scroll").add("table").set("class", "list")) {
    Element row = table_.add("thead").add("tr");
    for (const char* head : heads) row.add("th", head).set("scope", "col");
    body_ = table_.add("tbody");
  }

  // `more`: what else the search finds the row by.
  Element add(const std::vector<std::string>& cells, const std::string& more = "") {
    Element row = body_.add("tr").set("data-words", joined(cells, " ") + more);
    for (const auto& cell : cells) put_text(row.add("td"), cell);
    return row;
  }

 private:
  Element table_;
  Element body_ = table_;
};

class Writer {
 public:
  explicit Writer(const Report& report)
      : report_(report), machine_(report.machine), matrix_(report.matrix) {}

  // What stands above the search.
  std::string write_head() {
    head();
    return markup_of(head_);
  }

  // What is searched.
  std::string write_body() {
    notices();
    matrix();
    ways();
    mounts();
    objects();
    not_seen();
    return markup_of(body_);
  }

 private:
  Element section(const char* id, const char* title) {
    Element made = main_.add("section").set("id", id);
    made.add("h2", title);
    return made;
  }

  void figure(Element& list, size_t count, const char* what, bool is_bad = false) {
    Element item = list.add("li");
    if (is_bad && count > 0) item.set("class", "bad");
    item.add("b", std::to_string(count));
    item.text(what);
  }

  [[nodiscard]] size_t count_of_kind(model::ObjectKind kind) const {
    return static_cast<size_t>(std::ranges::count(
        machine_.objects, kind, [](const auto& object) { return object.info.kind; }));
  }

  void head() {
    Element head(head_.append_child("header"));
    head.add("h1", "BPF objects of " + report_.node);
    head.add("p", report_.time + ", Linux " + report_.kernel + ", pinscope " PINSCOPE_VERSION)
        .set("class", "soft");
    Element figures = head.add("ul").set("class", "figures");
    size_t containers = matrix_.left_out;
    for (const auto& row : matrix_.rows) containers += row.members.size();
    figure(figures, report_.notices.size(), "to look at", true);
    figure(figures, containers, "with access");
    figure(figures, count_of_kind(model::ObjectKind::kMap), "maps");
    figure(figures, count_of_kind(model::ObjectKind::kProgram), "programs");
    figure(figures, count_of_kind(model::ObjectKind::kLink), "links");
    figure(figures, machine_.instances.size(), "bpffs");
    figure(figures, machine_.pins.size(), "pins");
  }

  void notices() {
    Element made = section("notices", "What somebody should look at");
    if (report_.notices.empty()) {
      made.add("p", "Nothing.");
      return;
    }
    List list(made, {"Notice", "Of", "What is the matter"});
    for (const auto& notice : report_.notices)
      list.add({inventory::name_of(notice.kind), notice.subject, notice.text});
  }

  void key(Element& parent) {
    struct Sign {
      const char* letters;
      const char* classes;
      const char* text;
    };
    constexpr Sign kSigns[] = {
        {"r", "read", "reads"},
        {"rw", "write", "reads and writes"},
        {"u", "write", "runs and attaches a program"},
        {"!", "ungranted", "no rule grants it"},
        {"?", "read", "may be: it cannot be told for certain"},
        {"r", "read stale", "stale: its source is another object now"},
    };
    Element list = parent.add("ul").set("class", "key");
    for (const auto& sign : kSigns) {
      Element item = list.add("li");
      item.add("b", sign.letters).set("class", sign.classes);
      item.text(std::string(" ") + sign.text);
    }
  }

  void matrix() {
    Element made = section("matrix", "Who reaches what");
    if (matrix_.rows.empty()) {
      made.add("p", "No container reaches an object.");
      return;
    }
    key(made);
    if (matrix_.left_out > 0)
      made.add("p", "The table would be too large: " + std::to_string(matrix_.left_out) +
                        " more containers are left out. pinscope who and pinscope inventory show "
                        "them.");
    Element table = made.add("div").set("class", "scroll").add("table").set("class", "matrix");
    Element heads = table.add("thead").add("tr");
    heads.add("th", "Container").set("scope", "col");
    for (size_t column = matrix_.first_column(); column < matrix_.columns.size(); ++column)
      heads.add("th")
          .set("scope", "col")
          .set("data-words", matrix_.columns[column])
          .set("title", matrix_.columns[column])
          .add("span", matrix_.columns[column]);
    Element body = table.add("tbody");
    for (size_t row = 0; row < matrix_.rows.size(); ++row) matrix_row(body, row);
  }

  void matrix_row(Element& body, size_t at) {
    const auto& members = matrix_.rows[at].members;
    Element row = body.add("tr").set("data-words", joined(members, " "));
    Element head = row.add("th").set("scope", "row");
    if (members.size() == 1) {
      put_text(head, members.front());
    } else {
      Element all = head.add("details");
      all.add("summary", title_of(matrix_.rows[at]));
      for (const auto& member : members) put_text(all.add("div"), member);
    }
    for (size_t column = matrix_.first_column(); column < matrix_.columns.size(); ++column) {
      Element cell = row.add("td");
      const auto found = matrix_.rows[at].cells.find(column);
      if (found == matrix_.rows[at].cells.end()) continue;
      cell.set("class", classes_of(found->second));
      cell.add("a", found->second.letters())
          .set("href", "#" + anchor_of(at, column))
          .set("title", title_of(matrix_.rows[at]) + ", " + matrix_.columns[column] + ": " +
                            access_of(found->second));
    }
  }

  // What stands behind each cell.
  void ways() {
    if (matrix_.rows.empty()) return;
    Element made = section("ways", "By which rule, or without one");
    List list(made, {"Container", "Object", "Access", "How"});
    for (size_t row = 0; row < matrix_.rows.size(); ++row)
      for (const auto& [column, cell] : matrix_.rows[row].cells) {
        std::vector<std::string> how;
        how.reserve(cell.ways.size() + 1);
        for (const auto& way : cell.ways) how.push_back(way.text);
        if (cell.is_stale)
          how.emplace_back("stale: the source names another object now, or is gone");
        list.add({title_of(matrix_.rows[row]), matrix_.columns[column], access_of(cell),
                  joined(how, "; ")},
                 " " + joined(matrix_.rows[row].members, " "))
            .set("id", anchor_of(row, column))
            .set("data-cell", classes_of(cell));
      }
  }

  void mounts() {
    Element made = section("mounts", "Which bpffs there are");
    if (machine_.mounts.empty()) {
      made.add("p", "None.");
      return;
    }
    List list(made, {"BPFFS", "Is", "Sealed", "Pins", "In", "At"});
    std::vector<size_t> pins(machine_.instances.size());
    for (const auto& pin : machine_.pins) ++pins[pin.instance];
    for (const auto& mount : machine_.mounts) {
      const auto& instance = machine_.instances[mount.instance];
      const auto& space = machine_.spaces[mount.space];
      list.add({inventory::device_text(instance), inventory::name_of(instance.origin),
                instance.is_sealed ? "yes" : "no", std::to_string(pins[mount.instance]),
                space.is_host ? "the host" : inventory::text_of(space), mount.mount.mount_point});
    }
  }

  [[nodiscard]] std::string pins_of(const inventory::Object& object) const {
    std::vector<std::string> texts;
    texts.reserve(object.pins.size());
    for (const size_t at : object.pins) {
      const auto& pin = machine_.pins[at];
      texts.push_back(inventory::device_text(machine_.instances[pin.instance]) + " " +
                      pin.pin.path);
    }
    return joined(texts, ", ");
  }

  static std::string holders_of(const inventory::Object& object) {
    std::vector<std::string> texts;
    texts.reserve(object.holders.size() + object.used_by.size());
    for (const auto& holder : object.holders)
      texts.push_back(inventory::process_text(holder.command, holder.pid));
    for (const auto& user : object.used_by)
      texts.push_back(std::string(model::name_of(user.kind)) + " " + std::to_string(user.id));
    return joined(texts, ", ");
  }

  void objects() {
    Element made = section("objects", "Objects, and what keeps them");
    if (machine_.objects.empty()) {
      made.add("p", "None.");
      return;
    }
    List list(made, {"Object", "Type", "Size", "Pins", "Kept by", "Notice"});
    for (const auto& object : machine_.objects) {
      const auto& info = object.info;
      const std::string size = info.kind == model::ObjectKind::kMap
                                   ? std::to_string(info.key_size) + " + " +
                                         std::to_string(info.value_size) + " bytes, at most " +
                                         std::to_string(info.max_entries)
                                   : "";
      std::string notice = object.is_orphan ? "orphan" : "";
      if (object.is_duplicate) notice += notice.empty() ? "duplicate" : ", duplicate";
      list.add({inventory::text_of(info), std::string(model::type_name(info)), size,
                pins_of(object), holders_of(object), notice});
    }
  }

  void not_seen() {
    std::vector<std::string> all = machine_.not_seen;
    for (const auto& instance : machine_.instances) {
      const std::string bpffs = "bpffs " + inventory::device_text(instance) + ": ";
      for (const auto& what : instance.left_out) all.push_back(bpffs + what);
    }
    if (all.empty()) return;
    Element list = section("not-seen", "What could not be seen").add("ul");
    for (const auto& what : all) list.add("li", what);
  }

  const Report& report_;
  const inventory::Machine& machine_;
  const Matrix& matrix_;
  pugi::xml_document head_;
  pugi::xml_document body_;
  Element main_{body_.append_child("main")};
};

// The text of the page with what stands in place of each {{name}}. What is put in is not looked at
// again.
std::string filled(std::string_view page,
                   const std::vector<std::pair<std::string_view, std::string_view>>& values) {
  std::string text;
  for (size_t begin = page.find("{{"); begin != std::string_view::npos; begin = page.find("{{")) {
    const size_t end = page.find("}}", begin);
    const std::string_view name = page.substr(begin + 2, end - begin - 2);
    text += page.substr(0, begin);
    for (const auto& [known, value] : values)
      if (known == name) text += value;
    page.remove_prefix(end + 2);
  }
  return text.append(page);
}

}  // namespace

std::string page_of(const Report& report) {
  Writer writer(report);
  pugi::xml_document title;
  Element(title.append_child("title")).text("BPF objects of " + report.node);
  return filled(assets::kPage, {{"title", markup_of(title)},
                                {"style", assets::kStyle},
                                {"script", assets::kScript},
                                {"head", writer.write_head()},
                                {"body", writer.write_body()}});
}

}  // namespace pinscope::cli
