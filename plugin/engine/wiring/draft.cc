#include "plugin/engine/wiring/draft.h"

#include <algorithm>
#include <array>

#include "plugin/base/path.h"
#include "plugin/base/text.h"

namespace pinscope::engine {
namespace {

// These hold nothing but what installations have made, so they go with the last of it.
constexpr std::array kOwnDirectories = {"/etc/pinscope/hooks.d", kReceipts, "/etc/pinscope"};

Error not_ours(const std::string& path) {
  return Error(ErrorCode::kSystem, "write " + quoted(path))
      .reason("there is a file of that name that pinscope did not make")
      .hint("move it away");
}

Error changed_since(const std::string& verb, const std::string& path) {
  return Error(ErrorCode::kSystem, verb + " " + quoted(path))
      .reason("it was changed after pinscope made it")
      .hint("look at it, then use --force");
}

// A file of the receipt; nothing if it is gone. Where its directory is not there either, in a pod
// that mounts another one than at the installation, nobody has looked at it.
Result<std::optional<File>> read_ours(const Tree& tree, const std::string& path) {
  PINSCOPE_TRY(auto file, tree.read(path));
  const std::string directory(parent_of(path));
  if (file || tree.is_host() || tree.exists(directory)) return file;
  return std::unexpected(Error(ErrorCode::kSystem, "find " + quoted(path))
                             .reason("there is no " + quoted(directory) + " below " + tree.root())
                             .hint("mount it there, as at the installation; if the machine has it "
                                   "no more, make it, empty"));
}

// What an edited file would be without us.
Result<std::string> original_of(const Tree& tree, const Receipt::Edited* edit,
                                const std::string& text, const Editor& editor) {
  if (edit == nullptr) return text;
  if (sum_of(text) == edit->sum) {
    if (edit->backup.empty()) return std::string();
    PINSCOPE_TRY(const auto backup, tree.read(edit->backup));
    if (backup) return backup->text;
  }
  return editor.take_out(text);
}

// Whether a file without our part holds nothing any more; "{}" is what is left of JSON.
bool says_nothing(std::string_view text) {
  std::string rest(text);
  std::erase_if(rest, [](char byte) { return std::string_view(" \t\r\n").contains(byte); });
  return rest.empty() || rest == "{}";
}

// Whether a directory holds nothing but what `gone` names.
Result<bool> will_be_empty(const Tree& tree, const std::string& directory,
                           const std::set<std::string>& gone) {
  PINSCOPE_TRY(const auto entries, tree.entries(directory));
  return std::all_of(entries.begin(), entries.end(),
                     [&](const std::string& name) { return gone.contains(join(directory, name)); });
}

}  // namespace

Result<WiringDraft> WiringDraft::start(const Tree& tree, model::Engine engine, bool force) {
  WiringDraft draft(tree, engine, force);
  PINSCOPE_TRY(draft.old_receipt_file_, tree.read(receipt_path(engine)));
  if (draft.old_receipt_file_) {
    PINSCOPE_TRY(draft.old_, parse_receipt(draft.old_receipt_file_->text, receipt_path(engine)));
  }
  draft.new_.directories = draft.old_.directories;
  draft.make_directories(kReceipts, draft.receipt_directories_);
  return draft;
}

void WiringDraft::make_directories(const std::string& path, Changes& changes) {
  if (path == "/" || planned_.contains(path) || tree_.exists(path)) return;
  make_directories(std::string(parent_of(path)), changes);
  planned_.insert(path);
  changes.push_back(CreateDirectory{path});
  auto& list = new_.directories;
  if (std::find(list.begin(), list.end(), path) == list.end()) list.push_back(path);
}

Status WiringDraft::make_file(const std::string& path, const std::string& text) {
  new_.files.push_back({path, sum_of(text)});
  PINSCOPE_TRY(const auto before, tree_.read(path));
  if (before && before->text == text && old_.made(path) != nullptr) return {};
  if (before) {
    const auto* made = old_.made(path);
    if (made == nullptr) return std::unexpected(not_ours(path));
    if (made->sum != sum_of(before->text) && !force_)
      return std::unexpected(changed_since("write", path));
  } else {
    make_directories(std::string(parent_of(path)), body_);
  }
  body_.push_back(WriteFile{path, File{.text = text, .mode = 0644, .gid = 0}, before});
  return {};
}

Status WiringDraft::edit_file(const std::string& path, const Editor& editor) {
  const auto* edit = old_.edited(path);
  PINSCOPE_TRY(const auto before, tree_.read(path));
  std::string original;
  if (before) {
    PINSCOPE_TRY(original, original_of(tree_, edit, before->text, editor));
  }
  PINSCOPE_TRY(const std::string text, editor.put_in(original));
  const bool was_there = edit != nullptr ? !edit->backup.empty() : before.has_value();
  const std::string backup = was_there ? path + kBackupSuffix : "";
  new_.edits.push_back({path, backup, sum_of(text)});
  if (was_there) {
    PINSCOPE_TRY(const auto kept, tree_.read(backup));
    if (kept && edit == nullptr) return std::unexpected(not_ours(backup));
    File copy = before ? *before : File();
    copy.text = original;
    if (!kept || kept->text != original) body_.push_back(WriteFile{backup, copy, kept, path});
  }
  if (before && before->text == text) return {};
  if (!before) make_directories(std::string(parent_of(path)), body_);
  File file = before ? *before : File();
  file.text = text;
  body_.push_back(WriteFile{path, file, before});
  return {};
}

Result<Changes> WiringDraft::finish() {
  for (const auto& made : old_.files) {
    if (new_.made(made.path) != nullptr) continue;
    PINSCOPE_TRY(const auto file, read_ours(tree_, made.path));
    if (!file) continue;
    if (sum_of(file->text) != made.sum && !force_)
      return std::unexpected(changed_since("remove", made.path));
    body_.push_back(RemoveFile{made.path, *file});
  }
  Changes changes = std::move(receipt_directories_);
  if (!old_receipt_file_ || new_ != old_)
    changes.push_back(WriteFile{receipt_path(engine_),
                                File{.text = to_json(new_), .mode = 0644, .gid = 0},
                                old_receipt_file_});
  changes.insert(changes.end(), body_.begin(), body_.end());
  return changes;
}

Result<Changes> removal(const Tree& tree, model::Engine engine, bool force,
                        const std::function<Result<std::string>(const std::string&)>& take_out) {
  Changes changes;
  PINSCOPE_TRY(const auto receipt, read_receipt(tree, engine));
  if (!receipt) return changes;
  std::set<std::string> gone;
  const auto remove_file = [&](const std::string& path, const File& file) {
    changes.push_back(RemoveFile{path, file});
    gone.insert(path);
  };
  for (auto edit = receipt->edits.rbegin(); edit != receipt->edits.rend(); ++edit) {
    std::optional<File> backup;
    if (!edit->backup.empty()) {
      PINSCOPE_TRY(backup, tree.read(edit->backup));
    }
    PINSCOPE_TRY(const auto now, read_ours(tree, edit->path));
    if (now) {
      File file = *now;
      if (sum_of(now->text) == edit->sum && (backup || edit->backup.empty())) {
        file.text = backup ? backup->text : "";
      } else {
        PINSCOPE_TRY(file.text, take_out(now->text));
      }
      if (edit->backup.empty() && says_nothing(file.text)) {
        remove_file(edit->path, *now);
      } else if (file != *now) {
        changes.push_back(WriteFile{edit->path, file, now});
      }
    }
    if (backup) remove_file(edit->backup, *backup);
  }
  for (auto made = receipt->files.rbegin(); made != receipt->files.rend(); ++made) {
    PINSCOPE_TRY(const auto file, read_ours(tree, made->path));
    if (!file) continue;
    if (sum_of(file->text) != made->sum && !force)
      return std::unexpected(changed_since("remove", made->path));
    remove_file(made->path, *file);
  }
  const std::string path = receipt_path(engine);
  PINSCOPE_TRY(const auto file, tree.read(path));
  if (file) remove_file(path, *file);
  std::vector<std::string> directories(receipt->directories.rbegin(), receipt->directories.rend());
  directories.insert(directories.end(), kOwnDirectories.begin(), kOwnDirectories.end());
  for (const auto& directory : directories) {
    if (gone.contains(directory) || !tree.exists(directory)) continue;
    PINSCOPE_TRY(const bool empty, will_be_empty(tree, directory, gone));
    if (!empty) continue;
    changes.push_back(RemoveDirectory{directory});
    gone.insert(directory);
  }
  return changes;
}

}  // namespace pinscope::engine
