// The one error type. An error is fields, not a sentence: what was tried, on which object, the
// errno of the kernel, the likely cause, and the rule that asked for it. sentence() is the only
// place that forms the text that a person reads, and error_test.cc pins its shape:
//
//   cannot attach view at "/sys/fs/bpf" in container "web-1": Operation not permitted (the target
//   is on a shared mount); policy "flow-readers" at flow.yaml:14:5
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pinscope {

// A stable name for each kind of failure: audit lines have it, and so has docs/operating.md, which
// says for each what to do. Adding one without documenting it fails a test.
enum class ErrorCode {
  kInternal,           // a broken assumption of ours
  kSystem,             // a system call failed for a reason that has no code of its own
  kUsage,              // a command line that makes no sense
  kStateInvalid,       // the state JSON on stdin
  kConfigInvalid,      // the bundle's config.json
  kPolicyInvalid,      // a policy file with an error
  kPolicyUntrusted,    // a policy file or directory that others may write
  kPolicyUnavailable,  // policies exist, but no set was ever accepted
  kPolicyConflict,     // two policies that select one container disagree
  kPolicyRequired,     // a policy that was asked for (a CDI device) does not select the container
  kSourceMissing,      // a granted pin is not on the host
  kSourceMismatch,     // the pin is not what the policy expects
  kAccessUnsupported,  // this object cannot be granted this way (ring buffer for reading, link)
  kIdNotMapped,        // an owner that the container's user namespace does not know
  kProcessGone,        // the container's process ended while we worked
  kHostNamespace,      // the container shares the host's mount namespace
  kRootfsAmbiguous,    // cannot tell where the container's root is
  kTargetInvalid,      // view.at cannot be reached or made below the container's root
  kTargetShared,       // the target is on a mount that propagates elsewhere
  kDelegation,         // this container cannot be given a BPF token, or not this one
  kHostBpffs,  // the container brings a bpffs along and the policy says reject, or it cannot be
               // hidden
  kVoidView,   // the container has a way past its view, and the policy says void: reject
  kKernelUnsupported,   // the kernel lacks what the plan needs
  kRuntimeUnsupported,  // gVisor, Kata: the container does not use this kernel
  kRecord,              // the state directory cannot be read or written
  kRecordConflict,      // another running container has the same id
  kAudit,               // no audit sink took the line
  kProtocol,            // a container engine does not speak NRI as agreed, or stopped answering
  kHolder,  // what a container needs to read values is not kept: no holder, or it refuses
};

// "source-missing" for kSourceMissing. The list of all codes is for tests and documents.
std::string_view code_name(ErrorCode code);
const std::vector<ErrorCode>& all_error_codes();

// A rule of a policy, as an error tells it to programs: what model::Rule is in the rooms above.
struct ErrorRule {
  std::string policy;
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
};

// An error has the size of a pointer, and is made and destroyed out of line: most functions of this
// tree return a Result, and the code for errors should not be between the instructions that
// succeed. An error that was moved from may only be destroyed or assigned to.
class Error {
 public:
  // `operation` is a verb and its object, quoted: open "/etc/x". It follows the word "cannot".
  [[gnu::cold]] Error(ErrorCode code, std::string operation);
  [[gnu::cold]] Error(const Error& other);
  Error(Error&& other) noexcept = default;
  [[gnu::cold]] Error& operator=(const Error& other);
  Error& operator=(Error&& other) noexcept = default;
  ~Error() = default;

  // The error of a failed system call; `errnum` is its errno.
  [[gnu::cold]] static Error system(std::string operation, int errnum,
                                    ErrorCode code = ErrorCode::kSystem);

  // Says what went wrong where there is no errno; the text follows a colon.
  [[gnu::cold]] Error&& reason(std::string text) &&;
  // Adds the likely cause or the way out, in brackets at the end.
  [[gnu::cold]] Error&& hint(std::string text) &&;
  // Names the rule that asked for this: `policy "a" at a.yaml:3:5`.
  [[gnu::cold]] Error&& rule(std::string text) &&;
  // The rules that disagree, for programs; the text for people is rule()'s.
  [[gnu::cold]] Error&& rules(std::vector<ErrorRule> disagreeing) &&;
  // Adds what was being done, printed in front as "text: ". The outermost is added last.
  [[gnu::cold]] Error&& in(std::string context) &&;
  [[gnu::cold]] Error&& with_code(ErrorCode code) &&;

  [[nodiscard]] ErrorCode code() const;
  [[nodiscard]] int errnum() const;
  [[nodiscard]] const std::string& rule() const;
  [[nodiscard]] const std::vector<ErrorRule>& rules() const;
  // All fields, for another process of this program; nothing if these bytes are of no error.
  [[nodiscard, gnu::cold]] std::string to_bytes() const;
  [[gnu::cold]] static std::optional<Error> from_bytes(std::string_view bytes);
  // One line, without a full stop at its end. Control characters of untrusted text are escaped.
  [[nodiscard]] std::string sentence() const;

 private:
  struct Fields;
  struct Free {
    [[gnu::cold]] void operator()(Fields* fields) const;
  };
  std::unique_ptr<Fields, Free> fields_;
};

}  // namespace pinscope
