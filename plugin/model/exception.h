// Exceptions: what somebody takes away from one container that runs, or gives it for some time,
// beside what the policies say. They are in its record, so that they end with the container, and
// every reader of records sees them. pipeline/change/exceptions.h applies them; a start knows none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/json/json.h"
#include "plugin/model/decision.h"
#include "plugin/model/object.h"

namespace pinscope::model {

// Who had something done to a container that runs.
struct Caller {
  uint32_t uid = 0;                        // real user id
  std::optional<uint32_t> login_uid = {};  // whom they logged in as, where the kernel keeps that
  friend bool operator==(const Caller&, const Caller&) = default;
};

struct Exception {
  enum class Kind { kRevoke, kGrant };
  Kind kind = Kind::kRevoke;
  uint32_t number = 0;    // of this container, from 1
  std::string pin;        // the source: an absolute path, of a revocation also a glob; or empty
  ObjectIdentity object;  // of a revocation without a pin: this one, whatever its pins are called
  std::string name;       // in the view: of a grant, and where a revocation was asked for by it
  Access access = Access::kRead;  // of a grant
  uint64_t made_ns = 0;           // CLOCK_REALTIME, nanoseconds
  uint64_t until_ns = 0;          // likewise; 0: until it is undone, or the container ends
  Caller by;
  std::string reason;  // as it was given: at most kLongestReason bytes, of any kind
  friend bool operator==(const Exception&, const Exception&) = default;
};
inline constexpr size_t kLongestReason = 512;  // bytes
inline constexpr size_t kMaxExceptions = 64;   // of one container
// A source that is every pin.
inline constexpr const char* kEveryPin = "/**";

// "revoke", "grant": the words of every output.
const char* name_of(Exception::Kind kind);

// Whether it counts at this moment (CLOCK_REALTIME). If the clock was set back to before a grant
// was made, nobody can tell how long it has been there: it has run out. A revocation stays.
bool is_in_force(const Exception& exception, uint64_t now_ns);

// Whether both are about one thing: then the later one takes the place of the other.
bool is_same_matter(const Exception& one, const Exception& other);

// "exception 3 (grant)", in the place of a policy in what it gives and takes away.
Rule rule_of(const Exception& exception);
// Whether a rule is an exception, be it one that is there no more.
bool is_exception(const Rule& rule);
// Its number; 0 of a rule of a policy.
uint32_t number_of(const Rule& rule);
// The one behind a rule; null: a policy is, or it is there no more.
const Exception* exception_behind(const Rule& rule, const std::vector<Exception>& exceptions);

// "read of "/sys/fs/bpf/flows" as "flows"", "map 17", "every pin".
std::string matter_of(const Exception& exception);
// "until 2026-01-31T12:00:00Z", "until the container ends"; of one that has run out "ran out at …,
// not undone yet".
std::string time_text(const Exception& exception, uint64_t now_ns);
// "uid 0 (logged in as 1000)".
std::string text_of(const Caller& caller);
// All of it in a clause. What others chose is escaped.
std::string text_of(const Exception& exception, uint64_t now_ns);
// As a value, for every JSON output. `state`: "in-force", "ran-out", …
void write_exception(JsonWriter& json, const Exception& exception, const char* state);
const char* state_of(const Exception& exception, uint64_t now_ns);

// What became of one.
struct ExceptionChange {
  enum class What { kMade, kUndone, kRanOut };
  What what = What::kMade;
  Exception exception;
  friend bool operator==(const ExceptionChange&, const ExceptionChange&) = default;
};
// "made", "undone", "ran-out".
const char* name_of(ExceptionChange::What what);
// "made exception 3 (grant): …", as text_of() above.
std::string text_of(const ExceptionChange& change);

}  // namespace pinscope::model
