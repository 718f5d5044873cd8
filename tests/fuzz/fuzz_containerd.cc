// Edits of containerd's root file, on any text: an error, or a text that says what it said before
// and what was added, and from which taking our part out gives a text that says the same as at
// first.
#include <cstdlib>
#include <string>
#include <vector>

#include "plugin/engine/containerd/edit.h"
#include "plugin/engine/wiring/toml.h"

namespace {

using pinscope::engine::Toml;
using pinscope::engine::TomlPath;

constexpr const char* kPattern = "/etc/containerd/conf.d/*.toml";
constexpr const char* kBlock =
    "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.pinscope]\n"
    "runtime_type = \"io.containerd.runc.v2\"\n";

bool same(const std::string& left, const std::string& right, const std::vector<TomlPath>& paths) {
  const auto one = Toml::parse(left, "left");
  const auto other = Toml::parse(right, "right");
  return one && other && one->equals_without(*other, paths);
}

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  // Our own marks in a file that we never edited make no sense, and need not survive.
  if (text.find("pinscope") != std::string::npos || text.find(kPattern) != std::string::npos)
    return 0;
  const auto imported = pinscope::engine::add_import(text, kPattern, "f");
  if (imported) {
    check(same(text, *imported, {{"imports"}}));
    check(same(text, pinscope::engine::take_out_ours(*imported, kPattern), {}));
  }
  const auto chosen = pinscope::engine::set_default_runtime(text, 2, "f");
  if (chosen) check(same(text, pinscope::engine::take_out_ours(*chosen, kPattern), {}));
  const auto added = pinscope::engine::add_block(text, kBlock, "f");
  if (added) check(same(text, pinscope::engine::take_out_ours(*added, kPattern), {}));
  return 0;
}
