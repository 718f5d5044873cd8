// load_text(), load_open_file() and load_path(): from bytes and files to a checked set of policies.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <unordered_map>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"
#include "plugin/host/trust.h"
#include "plugin/policy/files.h"
#include "plugin/policy/language/check.h"
#include "plugin/policy/language/check_set.h"
#include "plugin/policy/language/combined.h"
#include "plugin/policy/language/limits.h"
#include "plugin/policy/language/load.h"
#include "plugin/policy/language/policy_text.h"
#include "plugin/policy/language/read_policy_test.h"
#include "plugin/policy/language/reader.h"
#include "plugin/policy/language/reporter.h"
#include "plugin/policy/language/tree.h"

namespace pinscope::policy {
namespace {

using Severity = Diagnostic::Severity;

// A set in the making: what one file has to know of the files before it.
class SetLoader {
 public:
  explicit SetLoader(Tests tests) : tests_(tests) {}
  void add_text(std::string text, const std::string& file);
  // `shown` is the file's name in places.
  void add_file(const std::string& path, const std::string& name, const std::string& shown,
                Trust trust);
  // The whole text of a file, which is not to be empty.
  void add_file_text(std::string text, const std::string& shown);
  void add_error(const std::string& file, const std::string& message);
  Loaded finish();

 private:
  // What is wrong with a policy test goes to `of_tests`.
  void add_document(const Document& document, Reporter& reporter, Reporter& of_tests);

  const Tests tests_;
  Loaded loaded_;
  std::unordered_map<std::string, model::Place> names_;
  size_t bytes_ = 0;
  size_t rules_ = 0;
};

void SetLoader::add_error(const std::string& file, const std::string& message) {
  Diagnostic diagnostic;
  diagnostic.place = {file, 1, 1};
  diagnostic.message = one_line(message);
  loaded_.diagnostics.push_back(std::move(diagnostic));
}

void SetLoader::add_document(const Document& document, Reporter& reporter, Reporter& of_tests) {
  if (rules_ > kMaxRules) return;  // reported where it happened
  const Position start{document.first_line, 1};
  if (document.text.size() > kMaxDocumentBytes) {
    reporter.error(start,
                   "the document has more than " + std::to_string(kMaxDocumentBytes) + " bytes",
                   "split the policy");
    return;
  }
  const auto bad_lines = find_bad_lines(document, kMaxDiagnostics);
  for (const auto& bad : bad_lines) reporter.error(bad.at, bad.message, bad.hint);
  if (!bad_lines.empty()) return;
  const size_t errors = reporter.errors();
  const auto root = parse_document(document, reporter);
  if (!root || root->kind == Node::Kind::kNull) return;
  const auto kind = kind_of(*root, reporter);
  if (kind == DocumentKind::kTest && tests_ == Tests::kRead)
    if (auto test = read_policy_test(*root, of_tests)) loaded_.tests.push_back(*std::move(test));
  if (kind != DocumentKind::kPolicy) return;
  auto draft = read_policy(*root, reporter);
  if (!draft) return;
  check_policy(*draft, reporter.errors() != errors, reporter);
  rules_ += draft->policy.grants.size() + draft->policy.denials.size();
  if (rules_ > kMaxRules) {
    reporter.error(start,
                   "the set has more than " + std::to_string(kMaxRules) + " grants and denials",
                   "a glob stands for many");
    return;
  }
  if (!draft->policy.name.empty()) {
    const auto [first, is_new] = names_.emplace(draft->policy.name, reporter.place(draft->name));
    if (!is_new)
      reporter.error(draft->name, "two policies are called " + quoted(draft->policy.name),
                     "the other one is at " + model::to_string(first->second));
  }
  loaded_.policies.push_back(std::move(draft->policy));
}

void SetLoader::add_text(std::string text, const std::string& file) {
  const PolicyText policy_text(std::move(text), file);
  Reporter reporter(policy_text);
  Reporter of_tests(policy_text);
  const auto bad_bytes = find_bad_bytes(policy_text.text(), kMaxDiagnostics);
  for (const auto& bad : bad_bytes) reporter.error(bad.at, bad.message, bad.hint);
  if (bad_bytes.empty()) {
    const auto documents = split_documents(policy_text.text(), kMaxDocuments + 1);
    if (documents.size() > kMaxDocuments)
      reporter.error({documents.back().first_line, 1},
                     "the file has more than " + std::to_string(kMaxDocuments) + " documents",
                     "split the file");
    else
      for (const auto& document : documents) {
        if (reporter.full()) break;
        add_document(document, reporter, of_tests);
      }
  }
  std::ranges::move(reporter.take(), std::back_inserter(loaded_.diagnostics));
  std::ranges::move(of_tests.take(), std::back_inserter(loaded_.test_diagnostics));
}

Result<Fd> open_file(const std::string& path, Trust trust) {
  switch (trust) {
    case Trust::kRequired:
      return open_trusted_file(path, ErrorCode::kPolicyUntrusted);
    case Trust::kIgnored:
      return open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  }
  return open_trusted_file(path, ErrorCode::kPolicyUntrusted);
}

// The text of a file of limited size, and the stamp of what was read, which is there as well where
// reading fails.
Result<std::string> read_policy_file(const std::string& path, Trust trust, FileStamp& stamp) {
  using Proof = FileStamp::Proof;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    stamp = stamp_of(stamp.name, status);
    if (!stat_tells(path, status)) stamp.proof = Proof::kNothing;
  }
  PINSCOPE_TRY(const Fd file, open_file(path, trust));
  if (::fstat(file.get(), &status) != 0)
    return std::unexpected(Error::system("stat " + quoted(path), errno));
  stamp = stamp_of(stamp.name, status);
  const bool tells = stat_tells(file.get(), status);
  if (!tells) stamp.proof = Proof::kNothing;
  const Error refusal(ErrorCode::kPolicyInvalid, "read " + quoted(path));
  if (!S_ISREG(status.st_mode))
    return std::unexpected(Error(refusal).reason("it is not a regular file"));
  if (static_cast<uint64_t>(status.st_size) > kMaxFileBytes)
    return std::unexpected(Error(refusal)
                               .reason("it has " + std::to_string(status.st_size) +
                                       " bytes, and a policy file may have " +
                                       std::to_string(kMaxFileBytes))
                               .hint("split the file"));
  PINSCOPE_TRY(std::string text, read_all(file.get(), kMaxFileBytes, path));
  if (!tells) {
    stamp.proof = Proof::kContent;
    stamp.text = text;
  }
  return text;
}

void SetLoader::add_file(const std::string& path, const std::string& name, const std::string& shown,
                         Trust trust) {
  FileStamp stamp;
  stamp.name = name;
  auto text = read_policy_file(path, trust, stamp);
  loaded_.files.push_back(std::move(stamp));
  if (!text) {
    add_error(shown, std::string(code_name(text.error().code())) + ": " + text.error().sentence());
    return;
  }
  add_file_text(*std::move(text), shown);
}

void SetLoader::add_file_text(std::string text, const std::string& shown) {
  bytes_ += text.size();
  if (bytes_ > kMaxSetBytes) {
    add_error(shown, "the set has more than " + std::to_string(kMaxSetBytes) + " bytes");
    return;
  }
  // What a full disk leaves of a file that is saved is not the wish to have no policies.
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    add_error(shown, "the file is empty; remove it, or say with a comment that it holds no policy");
    return;
  }
  for (auto& part : parts_of(std::move(text), shown)) add_text(std::move(part.text), part.file);
}

Loaded SetLoader::finish() {
  if (loaded_.ok())
    check_set(loaded_);
  else
    loaded_.policies.clear();
  if (!loaded_.test_diagnostics.empty()) loaded_.tests.clear();
  return std::move(loaded_);
}

Result<std::vector<std::string>> list_files(const std::string& path, Trust trust) {
  // Whoever could change the names behind the check is root.
  if (trust == Trust::kRequired) {
    PINSCOPE_TRY([[maybe_unused]] const Fd directory,
                 open_trusted_directory(path, ErrorCode::kPolicyUntrusted));
  }
  PINSCOPE_TRY(auto names, list_policy_files(path));
  if (names.size() > kMaxFiles)
    return std::unexpected(
        Error(ErrorCode::kPolicyInvalid, "read " + quoted(path))
            .reason("it holds more than " + std::to_string(kMaxFiles) + " policy files"));
  return names;
}

std::string made_absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  const std::unique_ptr<char, void (*)(void*)> here(::getcwd(nullptr, 0), ::free);
  return here ? join(here.get(), path) : path;
}

}  // namespace

bool Loaded::ok() const {
  return std::ranges::none_of(diagnostics, [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Severity::kError;
  });
}

Loaded load_text(std::string text, const std::string& file, Tests tests) {
  SetLoader loader(tests);
  if (text.size() > kMaxFileBytes)
    loader.add_error(file, "the text has more than " + std::to_string(kMaxFileBytes) + " bytes");
  else
    loader.add_text(std::move(text), file);
  return loader.finish();
}

Loaded load_open_file(int fd, const std::string& file) {
  SetLoader loader(Tests::kRead);
  auto text = read_all(fd, kMaxFileBytes, file);
  if (text)
    loader.add_file_text(*std::move(text), file);
  else
    loader.add_error(file, text.error().sentence());
  return loader.finish();
}

Loaded load_path(const std::string& path, Trust trust, const std::optional<std::string>& shown,
                 Tests tests) {
  SetLoader loader(tests);
  const std::string absolute = made_absolute(path);
  struct stat status {};
  if (::stat(absolute.c_str(), &status) != 0) {
    const bool names_a_file = absolute.ends_with(".yaml") || absolute.ends_with(".yml");
    if (errno == ENOENT && !names_a_file) return loader.finish();
    loader.add_error(shown.value_or(path), Error::system("read " + quoted(path), errno).sentence());
    return loader.finish();
  }
  if (!S_ISDIR(status.st_mode)) {
    const std::string name(base_name(absolute));
    loader.add_file(absolute, name, shown.value_or(name), trust);
    return loader.finish();
  }
  const auto names = list_files(absolute, trust);
  if (!names)
    loader.add_error(shown.value_or(path), std::string(code_name(names.error().code())) + ": " +
                                               names.error().sentence());
  else
    for (const auto& name : *names)
      loader.add_file(join(absolute, name), name, shown ? join(*shown, name) : name, trust);
  return loader.finish();
}

Loaded load_with(const std::string& directory, const std::string& replaced,
                 const std::vector<Text>& texts) {
  SetLoader loader(Tests::kSkipped);
  struct stat status {};
  if (::stat(directory.c_str(), &status) == 0 || errno != ENOENT) {
    const auto names = list_files(directory, Trust::kRequired);
    if (!names)
      loader.add_error(directory, std::string(code_name(names.error().code())) + ": " +
                                      names.error().sentence());
    else
      for (const auto& name : *names)
        if (name != replaced) loader.add_file(join(directory, name), name, name, Trust::kRequired);
  }
  for (const auto& [file, text] : texts) loader.add_text(text, file);
  return loader.finish();
}

}  // namespace pinscope::policy
