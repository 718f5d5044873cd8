#include "plugin/base/error.h"

#include <array>
#include <cerrno>
#include <cstring>

#include "plugin/base/text.h"

namespace pinscope {
namespace {

struct CodeName {
  ErrorCode code;
  std::string_view name;
};

constexpr auto kCodeNames = std::to_array<CodeName>({
    {ErrorCode::kInternal, "internal"},
    {ErrorCode::kSystem, "system"},
    {ErrorCode::kUsage, "usage"},
    {ErrorCode::kStateInvalid, "state-invalid"},
    {ErrorCode::kConfigInvalid, "config-invalid"},
    {ErrorCode::kPolicyInvalid, "policy-invalid"},
    {ErrorCode::kPolicyUntrusted, "policy-untrusted"},
    {ErrorCode::kPolicyUnavailable, "policy-unavailable"},
    {ErrorCode::kPolicyConflict, "policy-conflict"},
    {ErrorCode::kPolicyRequired, "policy-required"},
    {ErrorCode::kSourceMissing, "source-missing"},
    {ErrorCode::kSourceMismatch, "source-mismatch"},
    {ErrorCode::kAccessUnsupported, "access-unsupported"},
    {ErrorCode::kIdNotMapped, "id-not-mapped"},
    {ErrorCode::kProcessGone, "process-gone"},
    {ErrorCode::kHostNamespace, "host-namespace"},
    {ErrorCode::kRootfsAmbiguous, "rootfs-ambiguous"},
    {ErrorCode::kTargetInvalid, "target-invalid"},
    {ErrorCode::kTargetShared, "target-shared"},
    {ErrorCode::kDelegation, "delegation"},
    {ErrorCode::kHostBpffs, "host-bpffs"},
    {ErrorCode::kKernelUnsupported, "kernel-unsupported"},
    {ErrorCode::kRuntimeUnsupported, "runtime-unsupported"},
    {ErrorCode::kRecord, "record"},
    {ErrorCode::kRecordConflict, "record-conflict"},
    {ErrorCode::kAudit, "audit"},
    {ErrorCode::kProtocol, "protocol"},
});

}  // namespace

std::string_view code_name(ErrorCode code) {
  for (const auto& entry : kCodeNames)
    if (entry.code == code) return entry.name;
  return "internal";
}

const std::vector<ErrorCode>& all_error_codes() {
  static const std::vector<ErrorCode> codes = [] {
    std::vector<ErrorCode> all;
    all.reserve(kCodeNames.size());
    for (const auto& entry : kCodeNames) all.push_back(entry.code);
    return all;
  }();
  return codes;
}

Error Error::system(std::string operation, int errnum, ErrorCode code) {
  Error error(code, std::move(operation));
  error.errnum_ = errnum;
  // Said once for every call: which one is missing is the kernel's or a sandbox's doing, never
  // ours.
  if (errnum == ENOSYS)
    error.hint_ =
        "the kernel lacks this system call, or a seccomp filter refuses it; "
        "pinscope doctor says which";
  return error;
}

Error&& Error::reason(std::string text) && {
  reason_ = std::move(text);
  return std::move(*this);
}

Error&& Error::hint(std::string text) && {
  hint_ = std::move(text);
  return std::move(*this);
}

Error&& Error::rule(std::string text) && {
  rule_ = std::move(text);
  return std::move(*this);
}

Error&& Error::in(std::string context) && {
  contexts_.push_back(std::move(context));
  return std::move(*this);
}

Error&& Error::with_code(ErrorCode code) && {
  code_ = code;
  return std::move(*this);
}

std::string Error::sentence() const {
  std::string text;
  for (auto context = contexts_.rbegin(); context != contexts_.rend(); ++context)
    text += *context + ": ";
  text += "cannot " + operation_;
  if (!reason_.empty()) text += ": " + reason_;
  if (errnum_ != 0) text += std::string(": ") + strerrordesc_np(errnum_);
  if (!hint_.empty()) text += " (" + hint_ + ")";
  if (!rule_.empty()) text += "; " + rule_;
  return one_line(text);
}

}  // namespace pinscope
