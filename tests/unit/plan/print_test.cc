// A plan as JSON: every kind of step has a name and its fields.
#include "plugin/plan/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/plan/build.h"
#include "tests/unit/plan/decisions.h"

namespace pinscope::plan {
namespace {

std::string as_json(const model::Decision& decision, const model::Features& features = {}) {
  const auto plan = build(decision, {}, features);
  JsonWriter json;
  to_json(*plan, json);
  return std::string(json.text());
}

TEST(PlanPrint, WritesOneObjectForEachStep) {
  EXPECT_EQ(as_json(deciding({readable("flows")})),
            R"([{"step":"make-instance","type":"bpf","instance":0},)"
            R"({"step":"make-directory","instance":0,"path":"view"},)"
            R"({"step":"clone-mount","mount":0,"instance":0,"path":"view","read_only":false,)"
            R"("through_target":false},)"
            R"({"step":"pin-object","instance":0,"path":"view/flows",)"
            R"("source":"/sys/fs/bpf/flows","access":"read","uid":0,"gid":0,"mode":"0440",)"
            R"("attributes":false,"rule":{"policy":"p","file":"p.yaml","line":3,"column":5}},)"
            R"({"step":"seal-instance","instance":0},{"step":"enter-container"},)"
            R"({"step":"hide-bpffs","how":"mask"},)"
            R"({"step":"resolve-target","at":"/sys/fs/bpf","uid":0,"gid":0},)"
            R"({"step":"attach-view","mount":0},)"
            R"({"step":"verify-view","mount":0,"at":"/sys/fs/bpf"}])");
}

TEST(PlanPrint, SaysWherePinsGetAttributes) {
  model::Features features;
  features.pin_attributes = true;
  const auto plan = build(deciding({readable("flows")}), {}, features);
  ASSERT_TRUE(plan.has_value());
  EXPECT_THAT(to_text(*plan), ::testing::HasSubstr("mode 0440, with attributes that say whose it "
                                                   "is; policy \"p\" at p.yaml:3:5"));
}

TEST(PlanPrint, NamesTheStepsOfEveryLayout) {
  const auto shared = as_json(deciding({readable("a"), writable("b")}));
  EXPECT_THAT(shared, ::testing::HasSubstr(R"("step":"make-symlink")"));
  EXPECT_THAT(shared, ::testing::HasSubstr(R"("step":"attach-below")"));
  const auto bind = as_json(deciding({writable("b")}, model::Layout::kBind));
  EXPECT_THAT(bind, ::testing::HasSubstr(R"("step":"make-symlink")"));
  EXPECT_THAT(bind, ::testing::HasSubstr(R"("step":"clone-source")"));
}

TEST(PlanPrint, SaysWhatTheRuntimeMustNotCover) {
  model::Container container;
  container.masked_paths = {"/proc/kcore"};
  container.readonly_paths = {"/proc/sys"};
  const auto plan = build(deciding({readable("flows")}), container, {});
  JsonWriter json;
  to_json(*plan, json);
  EXPECT_THAT(std::string(json.text()),
              ::testing::HasSubstr(R"({"step":"check-later-mounts","at":"/sys/fs/bpf",)"
                                   R"("masked":["/proc/kcore"],"read_only":[]}])"));
  EXPECT_THAT(to_text(*plan), ::testing::HasSubstr("refuse if the runtime masks \"/sys/fs/bpf\" "
                                                   "after its hooks\n"));
  EXPECT_THAT(to_text(*build(deciding({}), container, {})),
              ::testing::Not(::testing::HasSubstr("masks")));
}

TEST(PlanPrint, NumbersTheLinesOfTheText) {
  const auto plan = build(deciding({}), {}, {});
  EXPECT_EQ(to_text(*plan),
            "1. enter the container's mount namespace\n"
            "2. detach every bpffs mounted below the container's root\n");
}

}  // namespace
}  // namespace pinscope::plan
