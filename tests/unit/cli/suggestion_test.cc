// What is suggested, of machines that are made up here.
#include "plugin/cli/suggest/suggestion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "plugin/policy/language/load.h"

namespace pinscope::cli {
namespace {

using inventory::Instance;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A host's bpffs that a container sees at /sys/fs/bpf.
class Suggest : public testing::Test {
 protected:
  Suggest() {
    machine_.spaces = {
        {.number = 100, .is_host = true, .pid = 1, .command = "init", .container = ""},
        {.number = 200, .pid = 50, .command = "app", .container = ""}};
    machine_.instances.emplace_back().origin = Instance::Origin::kHost;
    add_mount(0, "/sys/fs/bpf");
    add_mount(1, "/sys/fs/bpf");
    whom_.title = "the container";
    whom_.name = "web";
    whom_.engine = model::Engine::kPodman;
    whom_.space = 200;
    whom_.trust_of = [this](const std::string& path) {
      const auto found = trust_.find(path);
      return found == trust_.end() ? PinTrust{PinTrust::Kind::kRootAlone, ""} : found->second;
    };
  }
  // A further pin of a map.
  void pin_again(size_t object, const std::string& pin) {
    auto& made = machine_.pins.emplace_back();
    made.pin.path = pin;
    made.pin.object.id = machine_.objects[object].info.id;
    auto& pins = machine_.objects[object].pins;
    pins.insert(pins.begin(), machine_.pins.size() - 1);
  }
  void add_mount(size_t space, const std::string& at) {
    auto& mount = machine_.mounts.emplace_back();
    mount.space = space;
    mount.mount.mount_point = at;
    mount.mount.root = "/";
  }
  inventory::Object& add_map(const std::string& pin, bool is_held, bool for_writing = false) {
    auto& object = machine_.objects.emplace_back();
    object.info.type = 1;
    object.info.id = static_cast<uint32_t>(machine_.objects.size());
    if (!pin.empty()) {
      auto& made = machine_.pins.emplace_back();
      made.pin.path = pin;
      made.pin.object.id = object.info.id;
      object.pins.push_back(machine_.pins.size() - 1);
    }
    if (is_held)
      object.holders.push_back(
          {.pid = 50, .command = "app", .for_writing = for_writing, .descriptors = 1});
    return object;
  }
  Suggestion suggestion() { return suggest_for(whom_, machine_); }
  std::string yaml() { return to_yaml(suggestion()); }

  inventory::Machine machine_;
  SuggestFor whom_;
  std::map<std::string, PinTrust> trust_;  // of those that are not root's alone
};

TEST_F(Suggest, GrantsWhatIsHeldWithTheAccessOfItsDescriptors) {
  add_map("flows", true);
  add_map("agent/quota", true, true);
  add_map("keys", false);
  EXPECT_EQ(
      yaml(),
      "apiVersion: pinscope/v1\n"
      "kind: Policy\n"
      "metadata:\n"
      "  name: web\n"
      "spec:\n"
      "  # What the container holds now; read it before you use it.\n"
      "  select:\n"
      "    # every container of this engine that is so is selected: its engine vouches for "
      "nothing that tells this one from the others; add what you know (annotations, user, "
      "bundle)\n"
      "    engine: podman\n"
      "  grants:\n"
      "    # map 2, held by app (pid 50)\n"
      "    # it is open for writing, as every library asks by default: if the program only "
      "reads, let it open with BPF_F_RDONLY, and say read\n"
      "    - pin: \"/sys/fs/bpf/agent/quota\"\n"
      "      as: \"agent/quota\"\n"
      "      access: read-write\n"
      "    # map 1, held by app (pid 50)\n"
      "    - pin: \"/sys/fs/bpf/flows\"\n"
      "      access: read\n"
      "  # it sees and does not hold \"/sys/fs/bpf/keys\", map 3: grant it if it opens that from "
      "time to time\n");
}

TEST_F(Suggest, KeepsThePathsOfTheContainer) {
  machine_.mounts[1].mount.mount_point = "/pins";
  machine_.mounts[1].mount.root = "/agent";
  add_map("agent/flows", true);
  const auto found = suggestion();
  EXPECT_EQ(found.at, "/pins");
  ASSERT_EQ(found.grants.size(), 1U);
  EXPECT_EQ(found.grants[0].pin, "/sys/fs/bpf/agent/flows");
  EXPECT_EQ(found.grants[0].as, "");
}

TEST_F(Suggest, ChoosesTheUsualPlaceOfTwo) {
  machine_.mounts[1].mount.mount_point = "/host/bpf";
  add_mount(1, "/sys/fs/bpf");
  add_map("flows", true);
  const auto found = suggestion();
  EXPECT_EQ(found.at, "/sys/fs/bpf");
  EXPECT_THAT(found.grants[0].comments, ElementsAre(HasSubstr("held by")));
  EXPECT_THAT(found.comments,
              ElementsAre("it also sees the host's bpffs at \"/host/bpf\"; a view has one place, "
                          "\"/sys/fs/bpf\": let the program open its pins there, or link the other "
                          "path to it"));
}

TEST_F(Suggest, ChoosesThePlaceThatShowsMoreOfWhatIsHeld) {
  machine_.mounts[1].mount.mount_point = "/host/bpf";
  add_mount(1, "/sys/fs/bpf");
  machine_.mounts[2].mount.root = "/agent";
  add_map("flows", true);
  add_map("agent/quota", true);
  const auto found = suggestion();
  EXPECT_EQ(found.at, "/host/bpf");
  EXPECT_THAT(found.comments, ElementsAre(HasSubstr("at \"/sys/fs/bpf\"; a view has one place")));
}

TEST_F(Suggest, SaysWhatMakesAPolicyWorthless) {
  whom_.bypasses = {model::Bypass::kCapSysAdmin, model::Bypass::kHostBpffs};
  EXPECT_THAT(suggestion().warnings,
              ElementsAre("void: with CAP_SYS_ADMIN and no user namespace, the container can open "
                          "any BPF object of the machine by its id, and can change its own mounts: "
                          "drop CAP_SYS_ADMIN, or give the container a user namespace"));
  EXPECT_THAT(yaml(), HasSubstr("before you use it.\n  # void: with CAP_SYS_ADMIN"));
}

TEST_F(Suggest, SaysWhatNoPinNames) {
  add_map("", true);
  const auto found = suggestion();
  EXPECT_THAT(found.grants, IsEmpty());
  EXPECT_THAT(found.comments, ElementsAre(HasSubstr("no pin of the host names it")));
}

// The kernel lists the newest pin first, and others may have made it.
TEST_F(Suggest, GrantsThePinThatRootAloneCanReplace) {
  add_map("agent/flows", true);
  pin_again(0, "p0");
  trust_["/sys/fs/bpf/p0"] = {PinTrust::Kind::kOthers, "it is theirs"};
  const auto found = suggestion();
  ASSERT_EQ(found.grants.size(), 1U);
  EXPECT_EQ(found.grants[0].pin, "/sys/fs/bpf/agent/flows");
  EXPECT_THAT(found.grants[0].comments,
              Contains("1 pin of it, which others than root can replace, left out: the first is "
                       "\"/sys/fs/bpf/p0\""));
}

TEST_F(Suggest, GrantsNoPinThatOthersCanReplace) {
  add_map("p0", true);
  trust_["/sys/fs/bpf/p0"] = {PinTrust::Kind::kOthers, "it is theirs"};
  const auto found = suggestion();
  EXPECT_THAT(found.grants, IsEmpty());
  EXPECT_THAT(found.comments,
              ElementsAre("map 1, held by app (pid 50): not granted, because others than root can "
                          "put another object in place of its pin \"/sys/fs/bpf/p0\": it is "
                          "theirs; pin it where only root may write"));
}

TEST_F(Suggest, PrefersWhatIsSeenAndShort) {
  machine_.instances.emplace_back().origin = Instance::Origin::kHost;
  add_mount(0, "/b");
  machine_.mounts.back().instance = 1;
  add_map("agent/flows", true);
  pin_again(0, "f");
  machine_.pins.back().instance = 1;
  pin_again(0, "flows");
  pin_again(0, "x");
  trust_["/sys/fs/bpf/x"] = {PinTrust::Kind::kWhileItIsThere, "everybody may write there"};
  const auto found = suggestion();
  ASSERT_EQ(found.grants.size(), 1U);
  EXPECT_EQ(found.grants[0].pin, "/sys/fs/bpf/flows");
  EXPECT_THAT(found.grants[0].comments,
              Contains("it is also pinned as \"/sys/fs/bpf/agent/flows\", \"/b/f\", "
                       "\"/sys/fs/bpf/x\""));
}

TEST_F(Suggest, SaysOnceWhereOthersCanTakeTheNameOfAPin) {
  add_map("a", true);
  add_map("b", true);
  trust_["/sys/fs/bpf/a"] = {PinTrust::Kind::kWhileItIsThere, "everybody may write there"};
  trust_["/sys/fs/bpf/b"] = trust_["/sys/fs/bpf/a"];
  const auto found = suggestion();
  EXPECT_EQ(found.grants.size(), 2U);
  EXPECT_THAT(found.comments, ElementsAre(HasSubstr("everybody may write there")));
}

TEST_F(Suggest, QuotesANameThatIsNoTextInYaml) {
  for (const char* name :
       {"null", "true", "False", "no",  "y", "off", "1e5", "0x10",       "0b1", "0o7",
        "1-2",  "~",    "web",   "nan", "5", "7up", "",    "2001-01-01", "1_0", "e5"}) {
    SCOPED_TRACE(name);
    whom_.name = name;
    const auto loaded = policy::load_text(yaml(), "x.yaml");
    EXPECT_TRUE(loaded.ok()) << yaml() << to_string(loaded.diagnostics.front());
    ASSERT_EQ(loaded.policies.size(), 1U);
    EXPECT_EQ(loaded.policies[0].name, suggestion().name);
  }
}

TEST_F(Suggest, GrantsForWritingWhatCannotBeGrantedForReading) {
  add_map("ring", true).info.type = 27;
  const auto found = suggestion();
  ASSERT_EQ(found.grants.size(), 1U);
  EXPECT_EQ(found.grants[0].access, model::Access::kReadWrite);
  EXPECT_THAT(found.grants[0].comments, Contains(HasSubstr("that cannot be granted")));
}

// Whatever is in a name, each line is a comment or one of ours.
TEST_F(Suggest, LetsNoNameOutOfItsCommentOrScalar) {
  const std::string names[] = {"a\n  grants: [{pin: /x}]",
                               "a\"b",
                               "a\\b",
                               "a: b",
                               "a #b",
                               "\xff\xfe",
                               "a\x1b[31m",
                               "\xe2\x80\xa8x",
                               "*",
                               "[a]",
                               "- a",
                               "\xf0\x9f\x98\x80"};
  for (const auto& name : names) {
    SCOPED_TRACE(testing::PrintToString(name));
    machine_.objects.clear();
    machine_.pins.clear();
    auto& object = add_map(name, true);
    object.info.name = name;
    object.holders[0].command = name;
    add_map("x/" + name, false);
    whom_.name = name;
    whom_.bundle = name;
    whom_.identity.image = {name, name};
    whom_.identity.kubernetes_namespace = {name, name};
    const auto text = yaml();
    for (const char byte : text)
      EXPECT_TRUE(byte == '\n' || static_cast<unsigned char>(byte) >= 0x20);
    EXPECT_THAT(text, Not(HasSubstr("\n  grants: [{")));
    EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xa8")));
    const auto loaded = policy::load_text(text, "x.yaml");
    EXPECT_TRUE(loaded.ok()) << text << to_string(loaded.diagnostics.front());
    ASSERT_EQ(loaded.policies.size(), 1U) << text;
    for (const auto& grant : loaded.policies[0].grants) EXPECT_EQ(grant.pin, "/sys/fs/bpf/" + name);
  }
}

}  // namespace
}  // namespace pinscope::cli
