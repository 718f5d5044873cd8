#include "plugin/engine/wiring/change.h"

#include "plugin/base/text.h"
#include "plugin/base/undo.h"
#include "plugin/engine/wiring/difference.h"

namespace pinscope::engine {
namespace {

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;  // clang before 17 needs to be told

Status expect_unchanged(const Tree& tree, const std::string& path,
                        const std::optional<File>& before) {
  PINSCOPE_TRY(const auto now, tree.read(path));
  if (now == before) return {};
  return std::unexpected(Error(ErrorCode::kSystem, "change " + quoted(path))
                             .reason("somebody else has changed it just now")
                             .hint("run the command again"));
}

// The undo of an undo stack has nobody to report to.
void put_back(const Tree& tree, const std::string& path, const std::optional<File>& before) {
  static_cast<void>(before ? tree.write(path, *before) : tree.remove_file(path));
}

Status apply_one(const Tree& tree, const Change& change, UndoStack& undo) {
  return std::visit(Overloaded{
                        [&](const CreateDirectory& make) -> Status {
                          PINSCOPE_CHECK(tree.make_directory(make.path));
                          undo.push([&] { static_cast<void>(tree.remove_directory(make.path)); });
                          return {};
                        },
                        [&](const WriteFile& write) -> Status {
                          PINSCOPE_CHECK(expect_unchanged(tree, write.path, write.before));
                          // Pushed first: a write may fail with the file in place already.
                          undo.push([&] {
                            if (const auto now = tree.read(write.path); now && *now != write.before)
                              put_back(tree, write.path, write.before);
                          });
                          return tree.write(write.path, write.file);
                        },
                        [&](const RemoveFile& remove) -> Status {
                          PINSCOPE_CHECK(expect_unchanged(tree, remove.path, remove.before));
                          PINSCOPE_CHECK(tree.remove_file(remove.path));
                          undo.push([&] { put_back(tree, remove.path, remove.before); });
                          return {};
                        },
                        [&](const RemoveDirectory& remove) -> Status {
                          PINSCOPE_CHECK(tree.remove_directory(remove.path));
                          undo.push([&] {
                            if (!tree.exists(remove.path))
                              static_cast<void>(tree.make_directory(remove.path));
                          });
                          return {};
                        },
                    },
                    change);
}

}  // namespace

std::string headline(const Change& change) {
  return std::visit(
      Overloaded{
          [](const CreateDirectory& make) { return "create directory " + one_line(make.path); },
          [](const WriteFile& write) {
            return (write.before ? "change " : "create ") + one_line(write.path);
          },
          [](const RemoveFile& remove) { return "remove " + one_line(remove.path); },
          [](const RemoveDirectory& remove) { return "remove directory " + one_line(remove.path); },
      },
      change);
}

std::string describe(const Changes& changes) {
  std::string out;
  for (const auto& change : changes) {
    out += headline(change) + "\n";
    const auto* write = std::get_if<WriteFile>(&change);
    if (write == nullptr) continue;
    if (!write->copy_of.empty())
      out += "  (a copy of " + one_line(write->copy_of) + " as it is without pinscope)\n";
    else
      out += write->before ? difference(write->before->text, write->file.text)
                           : whole(write->file.text);
  }
  return out;
}

Status make_changes(const Tree& tree, const Changes& changes,
                    const std::function<Status()>& check) {
  UndoStack undo;
  for (const auto& change : changes) PINSCOPE_CHECK(apply_one(tree, change, undo));
  if (check) PINSCOPE_CHECK(check());
  undo.keep();
  return {};
}

}  // namespace pinscope::engine
