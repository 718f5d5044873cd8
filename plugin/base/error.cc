#include "plugin/base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>

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
    {ErrorCode::kVoidView, "void-view"},
    {ErrorCode::kKernelUnsupported, "kernel-unsupported"},
    {ErrorCode::kRuntimeUnsupported, "runtime-unsupported"},
    {ErrorCode::kRecord, "record"},
    {ErrorCode::kRecordConflict, "record-conflict"},
    {ErrorCode::kAudit, "audit"},
    {ErrorCode::kProtocol, "protocol"},
    {ErrorCode::kHolder, "values-holder"},
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

struct Error::Fields {
  ErrorCode code;
  int errnum = 0;
  std::string operation;
  std::string reason;
  std::string hint;
  std::string rule;
  std::vector<std::string> contexts;
  std::vector<ErrorRule> rules;
};

void Error::Free::operator()(Fields* fields) const {
  delete fields;
}

Error::Error(ErrorCode code, std::string operation)
    : fields_(new Fields{code, 0, std::move(operation), {}, {}, {}, {}, {}}) {
}

Error::Error(const Error& other) : fields_(new Fields(*other.fields_)) {
}

Error& Error::operator=(const Error& other) {
  if (this != &other) fields_.reset(new Fields(*other.fields_));
  return *this;
}

ErrorCode Error::code() const {
  return fields_->code;
}

int Error::errnum() const {
  return fields_->errnum;
}

const std::string& Error::rule() const {
  return fields_->rule;
}

const std::vector<ErrorRule>& Error::rules() const {
  return fields_->rules;
}

Error Error::system(std::string operation, int errnum, ErrorCode code) {
  Error error(code, std::move(operation));
  error.fields_->errnum = errnum;
  // Said once for every call: which one is missing is the kernel's or a sandbox's doing, never
  // ours.
  if (errnum == ENOSYS)
    error.fields_->hint =
        "the kernel lacks this system call, or a seccomp filter refuses it; "
        "pinscope doctor says which";
  return error;
}

Error&& Error::reason(std::string text) && {
  fields_->reason = std::move(text);
  return std::move(*this);
}

Error&& Error::hint(std::string text) && {
  fields_->hint = std::move(text);
  return std::move(*this);
}

Error&& Error::rule(std::string text) && {
  fields_->rule = std::move(text);
  return std::move(*this);
}

Error&& Error::rules(std::vector<ErrorRule> disagreeing) && {
  fields_->rules = std::move(disagreeing);
  return std::move(*this);
}

Error&& Error::in(std::string context) && {
  fields_->contexts.push_back(std::move(context));
  return std::move(*this);
}

Error&& Error::with_code(ErrorCode code) && {
  fields_->code = code;
  return std::move(*this);
}

// Each field behind its length: "6:source".
std::string Error::to_bytes() const {
  std::string bytes;
  const auto add = [&](std::string_view field) {
    bytes.append(std::to_string(field.size())).append(":").append(field);
  };
  add(code_name(fields_->code));
  add(std::to_string(fields_->errnum));
  for (const auto* text : {&fields_->operation, &fields_->reason, &fields_->hint, &fields_->rule})
    add(*text);
  add(std::to_string(fields_->rules.size()));
  for (const auto& rule : fields_->rules) {
    add(rule.policy);
    add(rule.file);
    add(std::to_string(rule.line));
    add(std::to_string(rule.column));
  }
  for (const auto& context : fields_->contexts) add(context);
  return bytes;
}

std::optional<Error> Error::from_bytes(std::string_view bytes) {
  constexpr size_t kFixed = 7;
  constexpr size_t kOfRule = 4;
  constexpr unsigned kMaxErrnum = 4095;  // of the kernel
  std::vector<std::string> fields;
  while (!bytes.empty()) {
    const size_t colon = bytes.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto length = parse_unsigned(bytes.substr(0, colon));
    bytes.remove_prefix(colon + 1);
    if (!length || *length > bytes.size()) return std::nullopt;
    fields.emplace_back(bytes.substr(0, *length));
    bytes.remove_prefix(*length);
  }
  if (fields.size() < kFixed) return std::nullopt;
  const auto* code = std::ranges::find(kCodeNames, fields[0], &CodeName::name);
  const auto errnum = parse_unsigned(fields[1]);
  if (code == kCodeNames.end() || !errnum || *errnum > kMaxErrnum) return std::nullopt;
  const auto rules = parse_unsigned(fields[6]);
  if (!rules || *rules > (fields.size() - kFixed) / kOfRule) return std::nullopt;
  Error error(code->code, std::move(fields[2]));
  error.fields_->errnum = static_cast<int>(*errnum);
  error.fields_->reason = std::move(fields[3]);
  error.fields_->hint = std::move(fields[4]);
  error.fields_->rule = std::move(fields[5]);
  auto field = fields.begin() + kFixed;
  for (size_t i = 0; i < *rules; ++i, field += kOfRule)
    error.fields_->rules.push_back({std::move(field[0]), std::move(field[1]),
                                    static_cast<uint32_t>(parse_unsigned(field[2]).value_or(0)),
                                    static_cast<uint32_t>(parse_unsigned(field[3]).value_or(0))});
  error.fields_->contexts.assign(std::make_move_iterator(field),
                                 std::make_move_iterator(fields.end()));
  return error;
}

std::string Error::sentence() const {
  std::string text;
  for (auto context = fields_->contexts.rbegin(); context != fields_->contexts.rend(); ++context)
    text += *context + ": ";
  text += "cannot " + fields_->operation;
  if (!fields_->reason.empty()) text += ": " + fields_->reason;
  if (const int errnum = fields_->errnum; errnum != 0) {
    const char* words = strerrordesc_np(errnum);
    text += ": " + (words != nullptr ? std::string(words) : "errno " + std::to_string(errnum));
  }
  if (!fields_->hint.empty()) text += " (" + fields_->hint + ")";
  if (!fields_->rule.empty()) text += "; " + fields_->rule;
  return one_line(text);
}

}  // namespace pinscope
