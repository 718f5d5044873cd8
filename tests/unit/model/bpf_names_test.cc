// The names are the kernel's: compared with the header of this machine, or of the one that
// PINSCOPE_BPF_H names, and with the type information of the running kernel. Either may be older
// than our tables; what it has that we have not is to be added.
#include "plugin/model/bpf_names.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>

#include "plugin/model/bpf_commands.h"

namespace pinscope::model {
namespace {

using Enumerators = std::map<std::string, uint32_t>;

struct Enumeration {
  const char* name;
  const char* prefix;
  const BpfNames& ours;
  std::set<std::string> second_names;  // of a number that has another
};
const Enumeration kEnumerations[] = {
    {"bpf_cmd", "BPF_", kBpfCommands, {"prog_run"}},
    {"bpf_map_type",
     "BPF_MAP_TYPE_",
     kMapTypes,
     {"cgroup_storage_deprecated", "percpu_cgroup_storage_deprecated"}},
    {"bpf_prog_type", "BPF_PROG_TYPE_", kProgramTypes, {}},
    {"bpf_link_type", "BPF_LINK_TYPE_", kLinkTypes, {}},
    {"bpf_attach_type", "BPF_", kAttachTypes, {}},
};

void compare(const Enumeration& enumeration, const Enumerators& theirs) {
  SCOPED_TRACE(enumeration.name);
  EXPECT_GT(theirs.size(), 5U);
  for (const auto& [enumerator, number] : theirs) {
    // Flags that a command may carry are among the commands.
    if (enumerator.find("MAX_BPF_") != std::string::npos || number >= 64) continue;
    ASSERT_TRUE(enumerator.starts_with(enumeration.prefix)) << enumerator;
    std::string name = enumerator.substr(std::string_view(enumeration.prefix).size());
    std::ranges::transform(name, name.begin(), [](unsigned char byte) { return tolower(byte); });
    if (name == "unspec" || enumeration.second_names.contains(name)) continue;
    EXPECT_EQ(enumeration.ours.number_of(name), number) << enumerator;
  }
}

// The enumerators of a C header, which are numbers, names before them, or one more than the last.
Enumerators read_header(const std::string& text, const std::string& enumeration) {
  Enumerators all;
  std::smatch body;
  if (!std::regex_search(text, body, std::regex("\nenum " + enumeration + R"( \{([^}]*)\})")))
    return all;
  const std::string list = std::regex_replace(body[1].str(), std::regex(R"(/\*[^*]*\*/)"), "");
  const std::regex entry(R"((\w+)\s*(?:=\s*(\d+)?(?:\s*<<\s*(\d+))?(\w+)?)?\s*(?:,|$))");
  uint32_t next = 0;
  for (std::sregex_iterator one(list.begin(), list.end(), entry), end; one != end; ++one) {
    const auto& found = *one;
    if (found[4].matched)
      next = all.at(found[4]);
    else if (found[2].matched)
      next = static_cast<uint32_t>(std::stoul(found[2]))
             << (found[3].matched ? std::stoul(found[3]) : 0);
    all[found[1]] = next++;
  }
  return all;
}

TEST(BpfNames, AreThoseOfTheHeader) {
  const char* chosen = std::getenv("PINSCOPE_BPF_H");
  std::ifstream file(chosen != nullptr ? chosen : "/usr/include/linux/bpf.h");
  std::stringstream text;
  text << file.rdbuf();
  for (const auto& enumeration : kEnumerations)
    compare(enumeration, read_header(text.str(), enumeration.name));
}

TEST(BpfNames, AreThoseOfTheRunningKernel) {
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), btf__free);
  if (types == nullptr) GTEST_SKIP() << "this kernel tells nothing of its types";
  for (const auto& enumeration : kEnumerations) {
    const int id = btf__find_by_name_kind(types.get(), enumeration.name, BTF_KIND_ENUM);
    ASSERT_GT(id, 0) << enumeration.name;
    const btf_type* type = btf__type_by_id(types.get(), static_cast<uint32_t>(id));
    Enumerators theirs;
    for (int i = 0; i < btf_vlen(type); ++i) {
      const auto& one = btf_enum(type)[i];
      theirs[btf__name_by_offset(types.get(), one.name_off)] = static_cast<uint32_t>(one.val);
    }
    compare(enumeration, theirs);
  }
}

TEST(BpfNames, HaveTheNumbersOfTheCommandsThatOurCodeSpeaksOf) {
  using enum BpfCommand;
  const std::map<BpfCommand, std::string_view> names = {
      {kMapCreate, "map_create"},
      {kMapLookupElem, "map_lookup_elem"},
      {kMapUpdateElem, "map_update_elem"},
      {kMapDeleteElem, "map_delete_elem"},
      {kMapGetNextKey, "map_get_next_key"},
      {kProgLoad, "prog_load"},
      {kObjPin, "obj_pin"},
      {kObjGet, "obj_get"},
      {kProgAttach, "prog_attach"},
      {kProgDetach, "prog_detach"},
      {kProgTestRun, "prog_test_run"},
      {kObjGetInfoByFd, "obj_get_info_by_fd"},
      {kBtfLoad, "btf_load"},
      {kBtfGetFdById, "btf_get_fd_by_id"},
      {kMapLookupAndDeleteElem, "map_lookup_and_delete_elem"},
      {kMapFreeze, "map_freeze"},
      {kMapLookupBatch, "map_lookup_batch"},
      {kMapLookupAndDeleteBatch, "map_lookup_and_delete_batch"},
      {kMapUpdateBatch, "map_update_batch"},
      {kMapDeleteBatch, "map_delete_batch"},
      {kLinkCreate, "link_create"},
      {kLinkUpdate, "link_update"},
      {kLinkDetach, "link_detach"},
      {kProgBindMap, "prog_bind_map"},
      {kTokenCreate, "token_create"},
  };
  for (const auto& [command, name] : names)
    EXPECT_EQ(kBpfCommands.number_of(name), static_cast<uint32_t>(command)) << name;
}

TEST(BpfNames, ShowTheNumberOfWhatIsNewerThanUs) {
  EXPECT_EQ(bpf_command_name(0), "BPF_MAP_CREATE");
  EXPECT_EQ(bpf_command_name(63), "command 63");
  EXPECT_EQ(map_type_name(9), "lru_hash");
  EXPECT_EQ(map_type_name(99), "type 99");
  EXPECT_EQ(map_type_name(0), "type 0");
  EXPECT_EQ(program_type_name(6), "xdp");
  EXPECT_EQ(program_type_name(4294967295U), "type 4294967295");
  EXPECT_EQ(link_type_name(3), "cgroup");
  EXPECT_EQ(link_type_name(63), "type 63");
}

TEST(BpfNames, AreNoOtherWords) {
  EXPECT_EQ(kMapTypes.number_of("hashmap"), std::nullopt);
  EXPECT_EQ(kMapTypes.number_of("unspec"), std::nullopt);
  EXPECT_EQ(kMapTypes.number_of(""), std::nullopt);
  EXPECT_EQ(kProgramTypes.number_of("hash"), std::nullopt);
  EXPECT_EQ(kLinkTypes.number_of("Cgroup"), std::nullopt);
}

TEST(BpfNames, ReadBackAsTheirNumbers) {
  for (const auto& enumeration : kEnumerations) {
    const auto& ours = enumeration.ours;
    for (const auto name : ours.names)
      EXPECT_EQ(ours.name_of(ours.number_of(name).value_or(63)), name);
    EXPECT_EQ(std::set(ours.names.begin(), ours.names.end()).size(), ours.names.size());
    EXPECT_LE(ours.first + ours.names.size(), 64U) << "a mask has 64 bits";
  }
}

}  // namespace
}  // namespace pinscope::model
