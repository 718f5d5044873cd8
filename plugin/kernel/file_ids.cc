#include "plugin/kernel/file_ids.h"

#include <sys/fsuid.h>

namespace pinscope::kernel {

FileIds::FileIds(uint32_t uid, uint32_t gid) {
  ::setfsgid(gid);
  ::setfsuid(uid);
}

FileIds::~FileIds() {
  ::setfsuid(0);
  ::setfsgid(0);
}

}  // namespace pinscope::kernel
