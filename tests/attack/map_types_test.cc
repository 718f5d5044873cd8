// Maps of which reading is no mere reading, and maps that void the reading of others: what is not
// granted, and that the kernel would let a container do it.
#include "plugin/model/bpf_names.h"
#include "tests/attack/attack_test.h"
#include "tests/support/bpf/map_of_type.h"

namespace pinscope::test {
namespace {

class MapTypes : public AttackTest {
 protected:
  static constexpr const char* kMap = "/sys/fs/bpf/special";

  // False if this kernel makes no such map.
  bool pin_map(const char* type) {
    const auto map = make_map_of_type(model::kMapTypes.number_of(type).value());
    if (map) pins_.object(*map, kMap);
    return map.has_value();
  }

  void grant(const std::string& access, const std::string& pin = kMap) {
    policy("grants: [{pin: \"" + pin + "\", access: " + access + ", mode: \"0666\"}]\n");
  }
};

TEST_P(MapTypes, AStructOpsIsRegisteredByNoReader) {
  if (!pin_map("struct_ops")) GTEST_SKIP() << "this kernel makes no struct_ops with a link";
  grant("read-write");
  expect({{"map-link /sys/fs/bpf/special", "ok"}});
  grant("read");
  expect_refusal("a struct_ops registers its operations with the kernel", "access-unsupported");
  grant("read", "/sys/fs/bpf/spec*");
  expect({{"map-link /sys/fs/bpf/special", "ENOENT"}});
}

TEST_P(MapTypes, ASockmapTakesNoProgramOfAReader) {
  for (const char* type : {"sockmap", "sockhash"}) {
    ASSERT_TRUE(pin_map(type));
    grant("read");
    expect_refusal(std::string("a ") + type + " takes programs", "access-unsupported");
    pins_.remove(kMap);
  }
}

TEST_P(MapTypes, AMapThatIsReadIsPutIntoNoOther) {
  make_pins();
  for (const char* type : {"hash_of_maps", "array_of_maps"}) {
    ASSERT_TRUE(pin_map(type));
    policy(
        "grants:\n"
        "  - {pin: /sys/fs/bpf/special, access: read-write, mode: \"0666\"}\n"
        "  - {pin: /sys/fs/bpf/app/flows, access: read-write, mode: \"0666\"}\n");
    expect({{"put-inner /sys/fs/bpf/special /sys/fs/bpf/flows", "ok holds it"}});
    policy(
        "grants:\n"
        "  - {pin: /sys/fs/bpf/special, access: read-write}\n"
        "  - {pin: /sys/fs/bpf/app/flows}\n");
    expect_refusal("access: read of \"/sys/fs/bpf/app/flows\" would not hold beside read-write of",
                   "access-unsupported");
    pins_.remove(kMap);
  }
}

TEST_P(MapTypes, AMapThatIsReadIsPutIntoNoOtherOfAnotherPolicyOrLayout) {
  make_pins();
  ASSERT_TRUE(pin_map("hash_of_maps"));
  const std::string reason = "would not hold beside read-write of \"/sys/fs/bpf/special\"";
  const std::string two =
      policy_text("select: {}\ngrants: [{pin: /sys/fs/bpf/special, access: read-write}]\n") +
      "---\n" + policy_text("select: {}\ngrants: [{pin: \"/sys/fs/bpf/app/*\"}]\n", "second");
  installation_.write_policy(two);
  expect_refusal(reason, "access-unsupported");
  policy(
      "view: {layout: per-map}\n"
      "grants:\n"
      "  - {pin: \"/sys/fs/bpf/app/f*\"}\n"
      "  - {pin: \"/sys/fs/bpf/spec*\", access: read-write}\n");
  expect({{"ls /sys/fs/bpf", "ok flows"}});
}

PINSCOPE_EACH_RUNTIME(MapTypes);

}  // namespace
}  // namespace pinscope::test
