#include "plugin/advice/remarks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugin/base/fd.h"

namespace pinscope::advice {
namespace {

using model::Access;
using model::Namespace;
using model::NamespaceKind;
using testing::HasSubstr;

const std::vector<std::string> kHostBpffs = {"/sys/fs/bpf"};

// An ordinary container: namespaces of its own but no user namespace, root with default
// capabilities as far as they matter, bpf(2) allowed.
model::Container ordinary() {
  model::Container container;
  container.id = "web-1";
  container.capabilities = uint64_t{1} << CAP_DAC_OVERRIDE;
  for (const auto kind : {NamespaceKind::kMount, NamespaceKind::kPid})
    container.namespaces[static_cast<size_t>(kind)].mode = Namespace::Mode::kPrivate;
  return container;
}

model::Decision granting(Access access) {
  model::Decision decision;
  decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
  model::GrantedPin grant;
  grant.name = "flows";
  grant.access = access;
  grant.mode = 0440;
  grant.rule = {"p", {"p.yaml", 9, 7}};
  decision.grants = {grant};
  return decision;
}

// Without those that every read grant of a map, and every view, bring along.
std::vector<Remark> other_remarks(const model::Container& container,
                                  const model::Decision& decision,
                                  const std::vector<std::string>& host_bpffs,
                                  const NeededCommands& needed = {}) {
  auto remarks = remarks_on(container, decision, host_bpffs, needed);
  std::erase_if(remarks, [](const Remark& remark) {
    return remark.code == "descriptors-travel" || remark.code == "checkpoint" ||
           remark.code == "open-for-reading";
  });
  return remarks;
}

std::vector<std::string> codes(const std::vector<Remark>& remarks, Remark::Kind kind) {
  std::vector<std::string> found;
  for (const auto& remark : remarks)
    if (remark.kind == kind) found.push_back(remark.code);
  return found;
}

Remark only(const model::Container& container, const model::Decision& decision) {
  const auto remarks = other_remarks(container, decision, kHostBpffs);
  EXPECT_EQ(remarks.size(), 1U);
  return remarks.empty() ? Remark{} : remarks.front();
}

TEST(Remarks, AreNoneForAnOrdinaryContainerThatReads) {
  EXPECT_TRUE(other_remarks(ordinary(), granting(Access::kRead), kHostBpffs).empty());
}

TEST(Remarks, SayWhichGrantsAreOpenedForReadingOnly) {
  auto decision = granting(Access::kRead);
  for (const auto access : {Access::kReadWrite, Access::kRead, Access::kUse}) {
    decision.grants.push_back(granting(access).grants[0]);
    decision.grants.back().name = "pin" + std::to_string(decision.grants.size());
  }
  std::vector<std::string> texts;
  for (const auto& remark : remarks_on(ordinary(), decision, kHostBpffs))
    if (remark.code == "open-for-reading") texts.push_back(remark.text);
  EXPECT_EQ(texts, std::vector<std::string>{
                       "a program has to open \"flows\", \"pin3\" with BPF_F_RDONLY; without it, "
                       "which is every library's default, it gets EROFS"});
}

TEST(Remarks, CallReadGrantsVoidAgainstCapBpf) {
  auto container = ordinary();
  container.capabilities |= uint64_t{1} << CAP_BPF;
  EXPECT_EQ(
      codes(other_remarks(container, granting(Access::kRead), kHostBpffs), Remark::Kind::kVoid),
      std::vector<std::string>{"cap-bpf"});
  auto program = granting(Access::kUse);
  program.grants[0].expect.kind = model::ObjectKind::kProgram;
  const auto remarks = other_remarks(container, program, kHostBpffs);
  EXPECT_EQ(codes(remarks, Remark::Kind::kVoid), std::vector<std::string>{"cap-bpf"});
  EXPECT_EQ(remarks.front().text,
            "with CAP_BPF and no user namespace, the container can load a program that since Linux "
            "6.13 ends any process, and since 6.16 reads all memory of the kernel");
  container.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kPrivate;
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty())
      << "it is worth nothing there";
}

TEST(Remarks, SayWhatATokenNeeds) {
  auto container = ordinary();
  container.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kPrivate;
  model::Decision decision;
  decision.selected_by = {{"p", {"p.yaml", 1, 1}}};
  decision.delegation.emplace();
  decision.delegation->rights.add(model::TokenRight::kProgram, 13);  // sock_ops
  auto remarks = other_remarks(container, decision, kHostBpffs);
  EXPECT_EQ(codes(remarks, Remark::Kind::kUnreachable), std::vector<std::string>{"token"});
  EXPECT_EQ(codes(remarks, Remark::Kind::kNote),
            (std::vector<std::string>{"token-net-admin", "token-kept"}));
  container.capabilities |= uint64_t{1} << CAP_BPF | uint64_t{1} << CAP_NET_ADMIN;
  container.seccomp_bpf = model::SeccompBpf::kRefused;
  container.seccomp_commands = {};
  remarks = other_remarks(container, decision, kHostBpffs, {{model::BpfCommand::kTokenCreate}, {}});
  EXPECT_EQ(codes(remarks, Remark::Kind::kUnreachable), std::vector<std::string>{"seccomp"});
  EXPECT_EQ(remarks.front().text, "the seccomp profile refuses bpf(2): no token can be made");
  EXPECT_EQ(codes(remarks, Remark::Kind::kNote), std::vector<std::string>{"token-kept"});
}

TEST(Remarks, CallAViewVoidAgainstCapSysAdmin) {
  auto container = ordinary();
  container.capabilities |= uint64_t{1} << CAP_SYS_ADMIN;
  const auto remark = only(container, granting(Access::kRead));
  EXPECT_EQ(remark.kind, Remark::Kind::kVoid);
  EXPECT_EQ(remark.text,
            "with CAP_SYS_ADMIN and no user namespace, the container can open any BPF object of "
            "the machine by its id, and can change its own mounts");
}

TEST(Remarks, DoNotMindCapSysAdminInAUserNamespace) {
  auto container = ordinary();
  container.capabilities |= uint64_t{1} << CAP_SYS_ADMIN;
  container.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kPrivate;
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
}

TEST(Remarks, CallAViewVoidAgainstTracingInTheHostsPidNamespace) {
  auto container = ordinary();
  container.capabilities |= uint64_t{1} << CAP_SYS_PTRACE;
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
  container.namespaces[static_cast<size_t>(NamespaceKind::kPid)].mode = Namespace::Mode::kHost;
  EXPECT_EQ(only(container, granting(Access::kRead)).code, "host-pid-namespace");
}

TEST(Remarks, SayWhatTheHostsPidNamespaceOpens) {
  auto container = ordinary();
  container.namespaces[static_cast<size_t>(NamespaceKind::kPid)].mode = Namespace::Mode::kHost;
  EXPECT_EQ(only(container, granting(Access::kRead)).kind, Remark::Kind::kVoid)
      << "a neighbour of the same user is open without any capability";
  container.capabilities |= uint64_t{1} << CAP_SETUID;
  const auto remark = only(container, granting(Access::kRead));
  EXPECT_EQ(remark.kind, Remark::Kind::kVoid);
  EXPECT_EQ(
      remark.text,
      "with the host's PID namespace, the container can become any user and reach the host's "
      "files through /proc/PID/root of processes of the host that have no more capabilities than "
      "the container; Pinscope's own processes are protected, but it can stop or end them");
  container.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kPrivate;
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
}

TEST(Remarks, SayThatASocketLeadsToTheServiceBehindIt) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = testing::TempDir() + "pinscope-socket-" + std::to_string(getpid());
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  auto container = ordinary();
  container.mounts = {{"/run/service.sock", "bind", path, {"bind"}}};
  const auto remark = only(container, granting(Access::kRead));
  EXPECT_EQ(remark.code, "host-socket");
  EXPECT_EQ(remark.kind, Remark::Kind::kNote);
  container.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kPrivate;
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
  unlink(path.c_str());
}

TEST(Remarks, SayThatAVolumeOfTheHostsProcOpensTheSame) {
  const auto code = [](const model::ConfiguredMount& mount) {
    auto container = ordinary();
    container.mounts = {mount};
    const auto remarks = other_remarks(container, granting(Access::kRead), {});
    return remarks.empty() ? "" : remarks.back().code;
  };
  EXPECT_EQ(code({"/host/proc", "bind", "/proc", {"bind", "ro"}}), "host-proc");
  EXPECT_EQ(code({"/one", "bind", "/proc/1", {"rbind", "ro"}}), "host-proc");
  EXPECT_EQ(code({"/host", "bind", "/", {"rbind", "ro"}}), "host-proc");
  EXPECT_EQ(code({"/host", "bind", "/", {"bind", "ro"}}), "") << "without what is mounted on it";
  EXPECT_EQ(code({"/proc", "proc", "proc", {}}), "") << "its own";
  EXPECT_EQ(code({"/x", "bind", "/process", {"rbind"}}), "");
}

constexpr model::BpfCommands kOpenAndRead = {model::BpfCommand::kObjGet,
                                             model::BpfCommand::kMapLookupElem};

Remark seccomp(model::SeccompBpf verdict, model::BpfCommands allowed,
               model::BpfCommands still_refused = {}) {
  auto container = ordinary();
  container.seccomp_bpf = verdict;
  container.seccomp_commands = allowed;
  const auto remarks =
      other_remarks(container, granting(Access::kRead), kHostBpffs, {kOpenAndRead, still_refused});
  return remarks.size() == 1 ? remarks.front() : Remark{};
}

TEST(Remarks, CallAViewUnreachableIfSeccompRefusesTheCall) {
  const auto remark = seccomp(model::SeccompBpf::kRefused, {});
  EXPECT_EQ(remark.kind, Remark::Kind::kUnreachable);
  EXPECT_EQ(remark.text,
            "the seccomp profile refuses bpf(2): the pins are there, but cannot be opened");
  EXPECT_EQ(remark.action,
            "start it through pinscope-runtime, or with Podman's precreate hook, which would add "
            "BPF_MAP_LOOKUP_ELEM (1), BPF_OBJ_GET (7)");
}

TEST(Remarks, NameTheCommandsThatSeccompDoesNotLetThrough) {
  const auto remark = seccomp(model::SeccompBpf::kFiltered, {model::BpfCommand::kObjGet});
  EXPECT_EQ(remark.kind, Remark::Kind::kUnreachable);
  EXPECT_EQ(remark.text,
            "the seccomp profile refuses some of the commands of bpf(2) that the grants need");
  EXPECT_THAT(remark.action, testing::EndsWith("would add BPF_MAP_LOOKUP_ELEM (1)"));
  EXPECT_EQ(seccomp(model::SeccompBpf::kFiltered, kOpenAndRead).kind, Remark::Kind::kNote);
}

TEST(Remarks, SayWhenTheProfileIsOfAKindThatTheShimDoesNotChange) {
  EXPECT_EQ(seccomp(model::SeccompBpf::kFiltered, {}, kOpenAndRead).action,
            "pinscope-runtime and the precreate hook do not change such a profile; use one that "
            "allows BPF_MAP_LOOKUP_ELEM (1), BPF_OBJ_GET (7)");
}

TEST(Remarks, CallAPinUnreachableThatTheProcessMayNotOpen) {
  auto container = ordinary();
  container.capabilities = 0;
  container.uid = 1000;
  container.gid = 1000;
  const auto remark = only(container, granting(Access::kRead));
  EXPECT_EQ(remark.kind, Remark::Kind::kUnreachable);
  EXPECT_EQ(remark.text,
            "the container's process (1000:1000) may not open \"flows\": it belongs to 0:0 with "
            "mode 0440");
  EXPECT_EQ(remark.action, "set owner or mode in policy \"p\" at p.yaml:9:7");
}

TEST(Remarks, LetTheGroupOpenWhatTheModeGivesIt) {
  auto container = ordinary();
  container.capabilities = 0;
  container.uid = 1000;
  container.gid = 1000;
  container.additional_gids = {0};
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
  auto decision = granting(Access::kReadWrite);
  EXPECT_THAT(codes(other_remarks(container, decision, kHostBpffs), Remark::Kind::kUnreachable),
              testing::ElementsAre("owner"))
      << "0440 does not let the group write";
}

TEST(Remarks, SayWhatReadWriteIncludes) {
  const auto remark = only(ordinary(), granting(Access::kReadWrite));
  EXPECT_EQ(remark.kind, Remark::Kind::kNote);
  EXPECT_THAT(remark.text, HasSubstr("the right to freeze a map"));
  EXPECT_THAT(remark.text, HasSubstr("detach"));
}

TEST(Remarks, SayWhatUseIs) {
  const auto remark = only(ordinary(), granting(Access::kUse));
  EXPECT_EQ(remark.kind, Remark::Kind::kNote);
  EXPECT_THAT(remark.text, HasSubstr("the right to run it, and to attach and detach it"));
}

TEST(Remarks, SayThatCapBpfPutsProgramsIntoWhatTakesThem) {
  auto container = ordinary();
  container.capabilities |= uint64_t{1} << CAP_BPF;
  auto decision = granting(Access::kReadWrite);
  decision.grants[0].mode = 0660;
  decision.grants[0].expect.kind = model::ObjectKind::kMap;
  decision.grants[0].expect.map_type = 3;  // prog_array
  EXPECT_EQ(codes(other_remarks(container, decision, kHostBpffs), Remark::Kind::kVoid),
            (std::vector<std::string>{"cap-bpf-programs", "cap-bpf"}));
  decision.grants[0].expect.map_type = 1;
  EXPECT_EQ(codes(other_remarks(container, decision, kHostBpffs), Remark::Kind::kVoid),
            std::vector<std::string>{"cap-bpf"});
}

TEST(Remarks, SeeTheHostsBpffsInAContainersOwnMounts) {
  auto container = ordinary();
  container.mounts = {{"/host-sys", "bind", "/sys", {"rbind", "ro"}}};
  auto decision = granting(Access::kRead);
  decision.host_bpffs = model::HostBpffs::kReject;
  EXPECT_EQ(only(container, decision).kind, Remark::Kind::kRefuses);
  decision.host_bpffs = model::HostBpffs::kAllow;
  EXPECT_EQ(only(container, decision).kind, Remark::Kind::kVoid);
  decision.host_bpffs = model::HostBpffs::kMask;
  EXPECT_EQ(only(container, decision).kind, Remark::Kind::kNote);
  EXPECT_EQ(only(container, model::Decision{}).kind, Remark::Kind::kVoid)
      << "no policy selects it: nothing hides it";
}

TEST(Remarks, TellABindOfATreeFromARecursiveOne) {
  auto container = ordinary();
  container.mounts = {{"/host-sys", "bind", "/sys", {"bind"}}};
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
  container.mounts = {{"/x", "bind", "/sys/fs/bpf/app", {"bind"}}};
  EXPECT_EQ(only(container, granting(Access::kRead)).code, "host-bpffs");
  container.mounts = {{"/x", "bind", "/sys/fs/bpffish", {"rbind"}}};
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), kHostBpffs).empty());
}

// Whoever writes Pinscope's own files decides for every container, and so it is said of a container
// that no policy selects as well.
TEST(Remarks, NameVolumesThatHoldPinscopesOwnFiles) {
  for (const char* source : {"/etc/pinscope", "/etc/pinscope/policy.d", "/etc", "/",
                             "/var/lib/pinscope", "/run/pinscope/containers", "/var/log"}) {
    auto container = ordinary();
    container.mounts = {{"/data", "bind", source, {"rbind", "rw"}}};
    for (const auto& decision : {granting(Access::kRead), model::Decision{}}) {
      const auto remarks = other_remarks(container, decision, {});
      ASSERT_EQ(codes(remarks, Remark::Kind::kVoid).front(), "own-files") << source;
      EXPECT_THAT(remarks.front().text, HasSubstr("the container can write to \"" +
                                                  std::string(source) + "\" of the host"));
    }
    container.mounts.front().options = {"bind", "ro"};
    EXPECT_THAT(codes(remarks_on(container, granting(Access::kRead), {}), Remark::Kind::kVoid),
                testing::IsEmpty())
        << source;
  }
  auto container = ordinary();
  container.mounts = {{"/data", "bind", "/etc/pinscope", {"bind"}}};
  container.namespaces[static_cast<size_t>(NamespaceKind::kUser)].mode = Namespace::Mode::kPrivate;
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), {}).empty());
  container = ordinary();
  container.mounts = {{"/data", "bind", "/etc/pinscope-other", {"bind"}},
                      {"/etc/pinscope", "tmpfs", "tmpfs", {}}};
  EXPECT_TRUE(other_remarks(container, granting(Access::kRead), {}).empty());
}

TEST(Remarks, PutWhatStopsTheStartFirst) {
  auto container = ordinary();
  container.capabilities |= uint64_t{1} << CAP_SYS_ADMIN;
  container.seccomp_bpf = model::SeccompBpf::kRefused;
  container.seccomp_commands = {};
  container.mounts = {{"/x", "bind", "/sys/fs/bpf", {"bind"}}};
  auto decision = granting(Access::kReadWrite);
  decision.host_bpffs = model::HostBpffs::kReject;
  std::vector<std::string> kinds;
  for (const auto& remark : other_remarks(container, decision, kHostBpffs, {kOpenAndRead, {}}))
    kinds.emplace_back(name_of(remark.kind));
  EXPECT_THAT(kinds, testing::ElementsAre("refuses", "void", "unreachable", "note"));
}

TEST(Remarks, KnowTheAppArmorProfilesThatDenyWritingBelowSys) {
  auto container = ordinary();
  container.apparmor_profile = "docker-default";
  auto decision = granting(Access::kRead);
  EXPECT_EQ(only(container, decision).code, "apparmor");
  decision.at = "/run/bpf";
  EXPECT_TRUE(other_remarks(container, decision, kHostBpffs).empty());
}

}  // namespace
}  // namespace pinscope::advice
