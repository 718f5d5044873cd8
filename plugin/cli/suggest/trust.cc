#include "plugin/cli/suggest/trust.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "plugin/base/path.h"
#include "plugin/base/text.h"
#include "plugin/host/file.h"

namespace pinscope::cli {
namespace {

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;

std::string mode_of(const struct stat& status) {
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", status.st_mode & 07777U);
  return mode;
}

std::string owner_text(const std::string& path, const struct stat& status) {
  return quoted(path) + " belongs to uid " + std::to_string(status.st_uid);
}

PinTrust others(std::string why) {
  return {PinTrust::Kind::kOthers, std::move(why)};
}

// Of the name `at`, which is in the directory `above`.
PinTrust trust_of(const std::string& above, const struct stat& directory, const std::string& at,
                  const struct stat& entry) {
  if (directory.st_uid != 0) return others(owner_text(above, directory));
  if (S_ISLNK(entry.st_mode)) return others(quoted(at) + " is a symbolic link");
  if (entry.st_uid != 0) return others(owner_text(at, entry));
  if ((directory.st_mode & kOthersMayWrite) == 0) return {PinTrust::Kind::kRootAlone, ""};
  const std::string writable =
      "others than root may write " + quoted(above) + " (mode " + mode_of(directory) + ")";
  if ((directory.st_mode & S_ISVTX) == 0) return others(writable);
  // Where hard links are not protected, one of root's pin is root's as well.
  if (!S_ISDIR(entry.st_mode) && entry.st_nlink > 1)
    return others(writable + ", and the pin has several names there");
  return {PinTrust::Kind::kWhileItIsThere, writable};
}

}  // namespace

PinTrust look_at_trust(int root, const std::string& path) {
  const auto cannot = [](const std::string& at, int errnum) {
    return others(Error::system("look at " + quoted(at), errnum).sentence());
  };
  PinTrust result{PinTrust::Kind::kRootAlone, ""};
  auto directory = open_at(root, ".", O_PATH | O_DIRECTORY);
  if (!directory) return cannot("/", directory.error().errnum());
  struct stat above {};
  if (::fstat(directory->get(), &above) != 0) return cannot("/", errno);
  std::string above_path = "/";
  std::string at;
  for (const auto& name : components_of(path)) {
    if (name == "..") return others(quoted(path) + " leads upwards");
    at += "/" + name;
    auto object = open_at(directory->get(), name, O_PATH | O_NOFOLLOW);
    if (!object) return cannot(at, object.error().errnum());
    struct stat entry {};
    if (::fstat(object->get(), &entry) != 0) return cannot(at, errno);
    auto here = trust_of(above_path, above, at, entry);
    if (here.kind > result.kind) result = std::move(here);
    if (result.kind == PinTrust::Kind::kOthers) return result;
    directory = std::move(object);
    above = entry;
    above_path = at;
  }
  return result;
}

}  // namespace pinscope::cli
