// WiringDraft: collects what an installation changes. Knows from the receipt which files are ours,
// refuses to touch anybody else's, leaves out what is as it should be already, and puts the changes
// in the order that keeps an engine working: the receipt, then files in the order in which they
// were asked for, so that what points at a file comes after it. removal() is the way back.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "plugin/engine/wiring/change.h"
#include "plugin/engine/wiring/receipt.h"

namespace pinscope::engine {

// How we take part in a file that belongs to others. take_out() gives the text without our part,
// and is the same text if we have none in it; put_in() takes a text without it.
struct Editor {
  std::function<Result<std::string>(const std::string& text)> take_out;
  std::function<Result<std::string>(const std::string& text)> put_in;
};

inline constexpr const char* kBackupSuffix = ".pinscope-backup";

class WiringDraft {
 public:
  // `force`: files of ours that somebody has changed are written over.
  static Result<WiringDraft> start(const Tree& tree, model::Engine engine, bool force);

  // What the receipt keeps of what was asked for.
  void set_default(bool wanted) { new_.set_default = wanted; }
  [[nodiscard]] const Receipt& old_receipt() const { return old_; }
  // A file of our own, mode 0644, with the directories above it.
  Status make_file(const std::string& path, const std::string& text);
  // Our part in somebody else's file. What it was before is kept beside it. The file is made if it
  // is not there.
  Status edit_file(const std::string& path, const Editor& editor);
  // What there is to do; files that an earlier installation needed and this one does not go away.
  Result<Changes> finish();

 private:
  WiringDraft(const Tree& tree, model::Engine engine, bool force)
      : tree_(tree), engine_(engine), force_(force) {}
  void make_directories(const std::string& path, Changes& changes);

  const Tree& tree_;
  model::Engine engine_;
  bool force_;
  std::optional<File> old_receipt_file_;
  Receipt old_;
  Receipt new_;
  Changes receipt_directories_;
  Changes body_;
  std::set<std::string> planned_;  // directories that these two make
};

// Everything that an installation has made goes, newest first; nothing if there was none. An error
// if a file of it is in a directory that the tree does not show, except on the machine itself.
// `take_out` is for edited files that others have changed as well since.
Result<Changes> removal(const Tree& tree, model::Engine engine, bool force,
                        const std::function<Result<std::string>(const std::string&)>& take_out);

}  // namespace pinscope::engine
