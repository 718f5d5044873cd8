#include "plugin/kernel/process/file_ids.h"

#include <sys/fsuid.h>

#include <cerrno>

#include "plugin/kernel/process/concealment.h"

namespace pinscope::kernel {
namespace {

constexpr uint32_t kAsk = 0xFFFFFFFF;  // no id: changes nothing, and the answer is the id in use

void set(uint32_t uid, uint32_t gid) {
  ::setfsgid(gid);
  ::setfsuid(uid);
  (void)stay_concealed();  // where fs.suid_dumpable is 1 this process would be open now
}

Status expect(uint32_t uid, uint32_t gid) {
  if (static_cast<uint32_t>(::setfsuid(kAsk)) == uid &&
      static_cast<uint32_t>(::setfsgid(kAsk)) == gid)
    return {};
  return std::unexpected(Error::system("change the owner of files that are made", EPERM));
}

}  // namespace

FileIds::FileIds(uint32_t uid, uint32_t gid) : uid_(uid), gid_(gid) {
  set(uid, gid);
}

FileIds::~FileIds() {
  if (!given_back_) set(0, 0);
}

Status FileIds::taken() const {
  return expect(uid_, gid_);
}

Status FileIds::give_back() {
  set(0, 0);
  auto done = expect(0, 0);
  given_back_ = done.has_value();
  return done;
}

}  // namespace pinscope::kernel
