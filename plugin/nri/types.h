// What a plugin gets to see and may ask for, as plain values: what uses this library sees neither
// protobuf nor a frame. A comment says from which version of NRI on the runtime fills a field.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pinscope::nri {

using StringMap = std::map<std::string, std::string>;

struct Pod {
  std::string id;
  std::string name;
  std::string uid;
  std::string namespace_name;
  StringMap labels;
  StringMap annotations;
  std::string runtime_handler;
};

struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;
};

// What the container was asked to be confined by; its rules are a SeccompPolicy.
struct SeccompProfile {
  enum class Type { kRuntimeDefault, kUnconfined, kLocalhost, kOther };
  Type type = Type::kRuntimeDefault;
  std::string file;  // for kLocalhost
};

struct SeccompArgument {
  uint32_t index = 0;
  uint64_t value = 0;
  uint64_t value_two = 0;
  std::string op;  // "SCMP_CMP_EQ", …
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;
  std::optional<uint32_t> errno_return;
  std::vector<SeccompArgument> arguments;
};

struct SeccompPolicy {
  std::string default_action;
  std::optional<uint32_t> default_errno;  // the runtimes do not use it yet
  std::vector<std::string> architectures;
  std::vector<std::string> flags;
  std::vector<SeccompRule> rules;
};

struct Namespace {
  std::string type;  // as in config.json: "user", "network", …
  std::string path;  // of one that is there already
};

struct Hook {
  std::string path;  // on the host
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::optional<int64_t> timeout_seconds;
};

struct Hooks {
  std::vector<Hook> prestart;
  std::vector<Hook> create_runtime;
  std::vector<Hook> create_container;
  std::vector<Hook> start_container;
  std::vector<Hook> poststart;
  std::vector<Hook> poststop;
};

struct Container {
  std::string id;
  std::string pod_id;
  std::string name;
  StringMap labels;
  StringMap annotations;
  std::vector<std::string> env;  // "NAME=value"
  std::vector<Mount> mounts;
  Hooks hooks;  // that stand in its configuration: of the engine and of every plugin so far
  std::vector<Namespace> namespaces;              // one that is not here is the host's
  uint32_t pid = 0;                               // 0 until the runtime has made it
  std::optional<SeccompProfile> seccomp_profile;  // 0.10
  std::optional<SeccompPolicy> seccomp_policy;    // 0.10, where the runtime tells
};

// Additions to a container that is being created; to remove an item, put "-" before its key. A
// mount replaces the one with the same destination, hooks are appended, and so on: see NRI's
// documents.
struct Adjustment {
  StringMap annotations;
  std::vector<Mount> mounts;
  std::vector<std::pair<std::string, std::string>> env;
  Hooks hooks;
  std::optional<SeccompPolicy> seccomp_policy;  // 0.10; replaces the whole policy
};

}  // namespace pinscope::nri
