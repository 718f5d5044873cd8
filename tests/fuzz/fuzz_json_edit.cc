// JSON edited as text: the result is JSON again, holds the new value, and is the original once the
// edit is taken back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugin/json/edit.h"
#include "plugin/json/json.h"

namespace {

using pinscope::ErrorCode;
using pinscope::JsonPath;
using pinscope::JsonText;

constexpr const char* kValue = R"({"names":["bpf"],"args":[{"index":0}],"n":1e400})";

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_filled(const JsonText& json, const JsonPath& path) {
  const auto found = json.find(path);
  check(found.has_value());
  if (!*found) return false;
  const std::string_view inside = (*found)->substr(1, (*found)->size() - 2);
  return inside.find_first_not_of(" \t\r\n") != std::string_view::npos;
}

// A filled container gets its edit and its removal back to the byte; what had to be made stays.
void set_and_remove(JsonText json, const JsonPath& object, const char* key) {
  const std::string before = json.text();
  JsonPath path = object;
  path.emplace_back(key);
  const auto old = json.find(path);
  if (!old) {
    check(!json.set(path, kValue) && json.text() == before);
    return;
  }
  const bool is_new = !*old;
  const bool was_filled = is_new && is_filled(json, object);
  if (!json.set(path, kValue)) {
    check(json.text() == before);
    return;
  }
  check(json.find(path).value().has_value());
  const std::string edited = json.text();
  check(json.set(path, kValue) && json.text() == edited);  // nothing more to do
  check(json.remove(path).value());
  if (was_filled && before.find("null") == std::string::npos) check(json.text() == before);
}

void append_and_remove(JsonText json, const JsonPath& array) {
  const std::string before = json.text();
  const auto old = json.find(array);
  if (!json.append(array, kValue)) {
    check(json.text() == before);
    return;
  }
  JsonPath last = array;
  last.emplace_back(size_t{0});
  size_t count = 0;
  while (json.find(last).value() && count < 10'000) last.back() = ++count;
  if (!old || !*old || before.find("null") != std::string::npos) return;
  const bool was_filled = count > 1;
  last.back() = count - 1;
  check(json.remove(last).value());
  if (was_filled && count < 10'000) check(json.text() == before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto json = JsonText::parse(text, "fuzz", ErrorCode::kConfigInvalid);
  const auto document = pinscope::JsonDocument::parse(text, "fuzz", ErrorCode::kConfigInvalid);
  // The other reader is no more lenient; it has limits for numbers.
  check(json || !document);
  if (!json) return 0;
  check(json->text() == text);
  set_and_remove(*json, {}, "a");
  set_and_remove(*json, {"linux"}, "seccomp");
  set_and_remove(*json, {"linux", "seccomp", "syscalls", 0U}, "names");
  set_and_remove(*json, {0U}, "a");
  append_and_remove(*json, {});
  append_and_remove(*json, {"hooks", "createRuntime"});
  append_and_remove(*json, {"linux", "seccomp", "syscalls"});
  return 0;
}
