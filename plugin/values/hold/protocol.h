// What goes between the holder and those that connect to it: the hook, which puts a lease there,
// and the service, which is given all of them. A lease is the descriptors of one container's file
// system of values: its /dev/fuse, the description, and the maps and types that it shows.
//
// The socket is of SOCK_SEQPACKET, so that a message comes whole or not at all. Each message has
// the size of `Message`; descriptors come along with it (SCM_RIGHTS), a few at a time. Both ends
// are one release of Pinscope: a peer with another kVersion is refused.
//
//   the hook                        the holder
//   kBegin, text: id            ->
//   kDescriptors, 1..64 of them ->                  as often as it takes
//   kInit, text: bytes          ->                  by a service alone, at most once
//   kDone, count: of all        ->
//                               <-  kAnswer, error, lease: its number
//
//   the service                     the holder
//   kServe                      ->
//                               <-  kAnswer, error; with the request buffer
//                               <-  kLease, lease, count, text: id     for each lease, also for
//                               <-  kDescriptors, lease                those that come later
//                               <-  kInit, lease, text: bytes          where there are any
//                               <-  kLeaseDone, lease
//   kInit, lease, text: bytes   ->
//   kEnded, lease               ->
//   kBegin, lease … kDone       ->  kAnswer         a lease of an earlier holder's, by its number
//
// The service is two processes, and the same messages go between them: see
// plugin/daemon/values_worker.h.
//
//   the parent                      the worker
//   kSetAside, text: numbers    ->                  leases that are not to be served
//   kHolder, a connection       ->
//                               <-  kServing, error; with the request buffer, if it has one
//                               <-  kHolderGone
//   kStatus                     ->
//                               <-  kStatus, with a memory file of JSON
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pinscope::hold {

inline constexpr uint32_t kVersion = 1;
inline constexpr size_t kTextSize = 1024;     // bytes
inline constexpr size_t kMaxPiece = 64;       // descriptors in a message
inline constexpr size_t kMinDescriptors = 2;  // the device and the description
// Of a lease: as many maps as a glob matches at most, each with types of its own.
inline constexpr size_t kMaxDescriptors = kMinDescriptors + size_t{2} * 4096;
inline constexpr size_t kMaxLeases = 4096;             // of a holder
inline constexpr size_t kMaxHeld = size_t{256} << 10;  // descriptors of a holder
inline constexpr size_t kDevice = 0;                   // where they are in a lease
inline constexpr size_t kDescription = 1;

// Below the state directory.
inline constexpr const char* kDirectoryName = "values";
inline constexpr const char* kSocketName = "holder.sock";
inline std::string socket_path(const std::string& state_directory) {
  return state_directory + "/" + kDirectoryName + "/" + kSocketName;
}

enum class Kind : uint32_t {
  kBegin = 1,
  kDescriptors,
  kInit,
  kDone,
  kAnswer,
  kServe,
  kLease,
  kLeaseDone,
  kEnded,
  kHolder,
  kServing,
  kHolderGone,
  kStatus,
  kSetAside,
};

struct Message {
  uint32_t version = kVersion;
  Kind kind = Kind::kBegin;
  uint64_t lease = 0;  // its number, which the holder gives; 0: none
  int32_t error = 0;   // errno of an answer; 0: it worked
  uint32_t count = 0;  // descriptors in all
  uint32_t size = 0;   // of what is in `text`
  uint32_t unused = 0;
  char text[kTextSize] = {};

  // Text that is longer than kTextSize is cut.
  void set_text(std::string_view value) {
    size = static_cast<uint32_t>(value.copy(text, kTextSize));
  }
  [[nodiscard]] std::string_view view() const { return {text, size}; }
};
static_assert(sizeof(Message) == 32 + kTextSize);

}  // namespace pinscope::hold
