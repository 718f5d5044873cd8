// The entry that has the hook run, wherever it is written.
#include "plugin/model/hook_entry.h"

#include <gtest/gtest.h>

#include "plugin/json/json.h"

namespace pinscope::model {
namespace {

TEST(HookEntry, NamesTheProgramFirstAndTheStageLast) {
  const auto entry = hook_entry("poststop", "/opt/bin/pinscope-hook", {"--engine", "crio"});
  JsonWriter json;
  json.object();
  add_members(json, entry);
  json.end();
  EXPECT_EQ(entry.stage, "poststop");
  EXPECT_EQ(json.take(), R"({"path":"/opt/bin/pinscope-hook",)"
                         R"("args":["pinscope-hook","--engine","crio","poststop"],)"
                         R"("env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"timeout":60})");
}

}  // namespace
}  // namespace pinscope::model
