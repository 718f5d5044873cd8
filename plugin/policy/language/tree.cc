// The only file that knows yaml-cpp: its events become plain nodes. Bounded before anything is
// built: the caller hands over one document of limited size, and depth, number of nodes, anchors,
// aliases and tags are judged as events come in.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "plugin/base/text.h"
#include "plugin/policy/language/limits.h"
#include "plugin/policy/language/tree.h"

namespace pinscope::policy {
namespace {

// Thrown through the parser to leave it early; what is wrong has been reported.
struct GivenUp {};

constexpr const char* kQuotePattern =
    "text that starts with \"*\" must be in quotes, or YAML takes it for an alias";

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Document& document, Reporter& reporter)
      : document_(document), reporter_(reporter) {}

  [[nodiscard]] Position position(const YAML::Mark& mark) const {
    return {document_.first_line + static_cast<uint32_t>(std::max(mark.line, 0)),
            static_cast<uint32_t>(std::max(mark.column, 0)) + 1};
  }

  std::optional<Node> take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) give_up(mark, "the document goes on behind its end", "");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    leaf({.kind = Node::Kind::kNull, .at = position(mark)}, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    reporter_.error(position(mark), "aliases are not supported: write the value out",
                    kQuotePattern);
    leaf({.kind = Node::Kind::kRefused, .at = position(mark)}, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    check_tag(mark, tag);
    leaf({.kind = Node::Kind::kScalar, .quoted = tag == "!", .at = position(mark), .text = value},
         mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    check_tag(mark, tag);
    open({.kind = Node::Kind::kSequence, .at = position(mark)}, mark);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    check_tag(mark, tag);
    open({.kind = Node::Kind::kMapping, .at = position(mark)}, mark);
  }
  void OnMapEnd() override { close(); }

  void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override {
    reporter_.error(position(mark), "anchors are not supported: write the value out",
                    "text that starts with \"&\" must be in quotes");
  }

 private:
  [[noreturn]] void give_up(const YAML::Mark& mark, std::string message, std::string hint) {
    reporter_.error(position(mark), std::move(message), std::move(hint));
    throw GivenUp();
  }

  // "?" and "!" stand for "no tag", on plain and on quoted nodes.
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    reporter_.error(position(mark), "tags are not supported: remove " + quoted(tag),
                    "text that starts with \"!\" must be in quotes");
  }

  void count(const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes)
      give_up(mark, "the document has more than " + std::to_string(kMaxNodes) + " values",
              "split the policy");
    if (reporter_.full()) throw GivenUp();
  }

  void leaf(Node node, const YAML::Mark& mark) {
    count(mark);
    add(std::move(node));
  }

  void open(Node node, const YAML::Mark& mark) {
    count(mark);
    if (open_.size() >= kMaxDepth)
      give_up(mark, "values are nested more than " + std::to_string(kMaxDepth) + " deep", "");
    open_.push_back(std::move(node));
  }

  void close() {
    Node node = std::move(open_.back());
    open_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (open_.empty())
      root_ = std::move(node);
    else
      open_.back().children.push_back(std::move(node));
  }

  const Document& document_;
  Reporter& reporter_;
  std::vector<Node> open_;
  std::optional<Node> root_;
  size_t nodes_ = 0;
  size_t documents_ = 0;
};

struct Advice {
  std::string_view says;
  const char* hint;
};

// What people mostly did when yaml-cpp says this.
constexpr auto kAdvice = std::to_array<Advice>({
    {"illegal map value", "text that holds \": \" must be in quotes"},
    {"end of map not found",
     "a key must be exactly below the first key of its mapping, and text that starts with a "
     "quote, \"[\" or \"{\" must be in quotes as a whole"},
    {"end of sequence not found", "an entry must be exactly below the first one of its list"},
    {"end of map flow not found", "a \"{\" is not closed"},
    {"end of sequence flow not found", "a \"[\" is not closed"},
    {"illegal flow end", "a closing bracket has no opening one"},
    {"illegal EOF in scalar", "a quote is not closed"},
    {"unknown token", "text that starts with \"@\", \"`\" or \"%\" must be in quotes"},
    {"alias not found after *", kQuotePattern},
    {"illegal character found while scanning alias", kQuotePattern},
    {"the referenced anchor is not defined", kQuotePattern},
    {"unknown escape character", "a backslash in double quotes must be doubled"},
    {"illegal block entry", "an entry of a list must start on its own line"},
});

std::string advice_for(std::string_view message) {
  for (const auto& [says, hint] : kAdvice)
    if (message.starts_with(says)) return hint;
  return "";
}

}  // namespace

std::optional<Node> parse_document(const Document& document, Reporter& reporter) {
  TreeBuilder builder(document, reporter);
  try {
    std::istringstream stream{std::string(document.text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take_root();
  } catch (const GivenUp&) {
    return std::nullopt;
  } catch (const YAML::Exception& exception) {
    reporter.error(builder.position(exception.mark), "this is not valid YAML: " + exception.msg,
                   advice_for(exception.msg));
    return std::nullopt;
  } catch (const std::exception& exception) {
    reporter.error({document.first_line, 1},
                   std::string("this cannot be read as YAML: ") + exception.what());
    return std::nullopt;
  }
}

}  // namespace pinscope::policy
