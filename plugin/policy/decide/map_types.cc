#include "plugin/policy/decide/map_types.h"

#include <algorithm>
#include <array>

#include "plugin/model/bpf_names.h"

namespace pinscope::policy {
namespace {

using C = model::BpfCommand;
using model::BpfCommands;

// syscall.c asks FMODE_CAN_READ for these and FMODE_CAN_WRITE for the ones below.
constexpr BpfCommands kNone = {};
constexpr BpfCommands kLookUp = {C::kMapLookupElem};
constexpr BpfCommands kWalk = {C::kMapLookupElem, C::kMapGetNextKey};
constexpr BpfCommands kWalkMany = {C::kMapLookupElem, C::kMapGetNextKey, C::kMapLookupBatch};
constexpr BpfCommands kChange = {C::kMapUpdateElem, C::kMapDeleteElem};
constexpr BpfCommands kChangeMany = {C::kMapUpdateElem, C::kMapDeleteElem, C::kMapUpdateBatch,
                                     C::kMapDeleteBatch};
constexpr BpfCommands kTake = {C::kMapLookupAndDeleteElem};
constexpr BpfCommands kTakeMany = {C::kMapLookupAndDeleteElem, C::kMapLookupAndDeleteBatch};
constexpr BpfCommands kPush = {C::kMapUpdateElem, C::kMapLookupAndDeleteElem};

constexpr const char* kElements = "its elements";
constexpr const char* kAllElements = "to change, add and delete elements, and to freeze it";
constexpr const char* kArrayElements = "to change elements, and to freeze it";
constexpr const char* kDescription = "its type, sizes and name: the kernel shows no elements";
constexpr const char* kStorage =
    "the values of those that the container has a descriptor of: sockets, processes, files, "
    "cgroups";
constexpr const char* kStorageWrite =
    "to change, add and delete these values, and to freeze the map";
constexpr const char* kMappedMemory =
    "is read through a memory map, which a descriptor for reading refuses";
constexpr const char* kSockets =
    "takes programs that see and redirect the traffic of its sockets, attached through a "
    "descriptor for reading";

// The index is the number of the type, less one: 0 is "unspec", which no map has.
constexpr auto kTypes = std::to_array<MapType>({
    {"hash", kElements, nullptr, kAllElements, kWalkMany, kChangeMany | kTakeMany},
    {"array", kElements, nullptr, kArrayElements, kWalkMany, kChangeMany | kTakeMany},
    {"prog_array", "the ids of its programs; they stay in it while the container has it open",
     nullptr,
     "to put any program of a fitting type there that the container can open: the owner's programs "
     "run it by tail calls",
     kWalk, kChange},
    {"perf_event_array", nullptr, "is read through events that the reader puts into it",
     "to put events there that the container opened, and read what the owner's programs write to "
     "them; to take out those of others",
     kWalk, kChange},
    {"percpu_hash", kElements, nullptr, kAllElements, kWalkMany, kChangeMany | kTakeMany},
    {"percpu_array", kElements, nullptr, kArrayElements, kWalkMany, kChangeMany | kTakeMany},
    {"stack_trace", "its stacks: addresses, of the kernel too", nullptr,
     "to delete stacks, and to freeze it", kWalk, kChange | kTake},
    {"cgroup_array", kDescription, nullptr,
     "to put cgroups there that the container can open, for the owner's programs to compare with",
     kWalk, kChange},
    {"lru_hash", kElements, nullptr, kAllElements, kWalkMany, kChangeMany | kTakeMany},
    {"lru_percpu_hash", kElements, nullptr, kAllElements, kWalkMany, kChangeMany | kTakeMany},
    {"lpm_trie", kElements, nullptr, kAllElements, kWalkMany, kChangeMany},
    {"array_of_maps", "the ids of its maps; a map does not open by its id", nullptr,
     "to put any map of a fitting kind there that the container can open, for whatever access: the "
     "owner's programs read and write it",
     kWalkMany, kChangeMany, true},
    {"hash_of_maps", "the ids of its maps; a map does not open by its id", nullptr,
     "to put any map of a fitting kind there that the container can open, for whatever access: the "
     "owner's programs read and write it",
     kWalkMany, kChangeMany | kTakeMany, true},
    {"devmap", "its interfaces' numbers and the ids of their programs", nullptr,
     "to have packets redirected to interfaces of the container's network namespace, through an "
     "XDP program that it can open",
     kWalk, kChange},
    {"sockmap", nullptr, kSockets,
     "to put sockets of the container there, take out those of others, and attach programs that "
     "it can open",
     kWalk, kChange},
    {"cpumap", "its queue sizes and the ids of their programs", nullptr,
     "to change the queues of processors, each with an XDP program that the container can open",
     kWalk, kChange},
    {"xskmap", kDescription, nullptr,
     "to put AF_XDP sockets of the container there, which get the packets that the owner's program "
     "redirects",
     kWalk, kChange},
    {"sockhash", nullptr, kSockets,
     "to put sockets of the container there, take out those of others, and attach programs that "
     "it can open",
     kWalk, kChange},
    {"cgroup_storage", kElements, nullptr, "to change the values of cgroups, and to freeze it",
     kWalk, kChange},
    {"reuseport_sockarray", "the cookies of its sockets", nullptr,
     "to put listening sockets of the container there, and to take out those of others", kWalk,
     kChange},
    {"percpu_cgroup_storage", kElements, nullptr,
     "to change the values of cgroups, and to freeze it", kWalk, kChange},
    {"queue", "to look at the next element without taking it", nullptr,
     "to add and take elements, and to freeze it", kLookUp, kPush},
    {"stack", "to look at the next element without taking it", nullptr,
     "to add and take elements, and to freeze it", kLookUp, kPush},
    {"sk_storage", kStorage, nullptr, kStorageWrite, kLookUp, kChange},
    {"devmap_hash", "its interfaces' numbers and the ids of their programs", nullptr,
     "to have packets redirected to interfaces of the container's network namespace, through an "
     "XDP program that it can open",
     kWalk, kChange},
    {"struct_ops", nullptr,
     "registers its operations with the kernel, for the whole machine, through a descriptor for "
     "reading",
     "to register and unregister its operations (a scheduler, a TCP congestion control) for the "
     "whole machine",
     kWalk, kChange},
    {"ringbuf", nullptr, kMappedMemory, "to read it, which takes the records away from others",
     kNone, kNone},
    {"inode_storage", kStorage, nullptr, kStorageWrite, kLookUp, kChange},
    {"task_storage", kStorage, nullptr, kStorageWrite, kLookUp, kChange},
    {"bloom_filter",
     "whether a value may be in it",
     nullptr,
     "to add values, and to freeze it",
     kLookUp,
     {C::kMapUpdateElem}},
    {"user_ringbuf", nullptr, kMappedMemory, "to write records for the owner's programs", kNone,
     kNone},
    {"cgrp_storage", kStorage, nullptr, kStorageWrite, kLookUp, kChange},
    {"arena", nullptr, kMappedMemory,
     "to read and write the memory that the owner's programs work in", kNone, kNone},
    {"insn_array", "places in the program that uses it", nullptr,
     "to change these places until a program uses it", kWalk, kChange},
    {"rhash", kElements, nullptr, kAllElements, kWalkMany, kChangeMany | kTakeMany},
});

constexpr BpfCommands all_commands(BpfCommands MapType::*which) {
  BpfCommands all;
  for (const MapType& type : kTypes) all = all | type.*which;
  return all;
}

// Every number that has a name has its row.
static_assert(std::ranges::equal(kTypes, model::kMapTypes.names, {}, &MapType::name));

}  // namespace

const MapType* map_type(uint32_t type) {
  return type == 0 || type > kTypes.size() ? nullptr : &kTypes[type - 1];
}

std::span<const MapType> map_types() {
  return kTypes;
}

std::string with_article(const MapType& type) {
  const bool vowel = std::string_view("aeiou").find(type.name.front()) != std::string_view::npos &&
                     type.name != "user_ringbuf";
  return (vowel ? "an " : "a ") + std::string(type.name);
}

std::string unknown_map_type(uint32_t type) {
  return "it is a map of type " + std::to_string(type) + ", and this Pinscope knows types up to " +
         std::to_string(kTypes.size()) + " (" + std::string(kTypes.back().name) + ")";
}

BpfCommands map_commands(std::optional<uint32_t> type, bool writes) {
  static constexpr BpfCommands kRead = all_commands(&MapType::read_commands);
  static constexpr BpfCommands kWrite = all_commands(&MapType::write_commands);
  const MapType* known = type ? map_type(*type) : nullptr;
  const BpfCommands read = known != nullptr ? known->read_commands : kRead;
  const BpfCommands write = known != nullptr ? known->write_commands : kWrite;
  return writes ? read | write : read;
}

}  // namespace pinscope::policy
