// Real readers of a real mount: programs that people use, and what they may not do.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "tests/kernel/values/values_test.h"
#include "tests/support/machine/check.h"
#include "tests/support/machine/unprivileged.h"

namespace pinscope::test {
namespace {

using testing::HasSubstr;

class ValuesReaders : public ValuesTest {};

TEST_F(ValuesReaders, ListTheMapAsADirectory) {
  set(array_, 1, 7);
  serve({{.name = "team/counts", .map = array_.get()}});
  EXPECT_EQ(output({"ls", path("team/counts")}), "entries\nkeys\nschema\n");
  EXPECT_EQ(output({"ls", path("team/counts/keys")}), "0\n1\n2\n3\n");
  EXPECT_EQ(output({"ls", path()}), "team\n");
  EXPECT_EQ(output({"find", path("team"), "-type", "f", "-name", "[0-9]"}),
            path("team/counts/keys/0") + "\n" + path("team/counts/keys/1") + "\n" +
                path("team/counts/keys/2") + "\n" + path("team/counts/keys/3") + "\n");
  EXPECT_EQ(output({"find", path(), "-type", "d", "-links", "3"}),
            path() + "\n" + path("team") + "\n" + path("team/counts") + "\n");
}

TEST_F(ValuesReaders, ReadValuesAndAllOfThem) {
  set(array_, 1, 7);
  serve({{.name = "counts", .map = array_.get()}});
  EXPECT_EQ(output({"cat", path("counts/keys/1")}), value_line(7));
  EXPECT_EQ(output({"wc", "-l", path("counts/entries")}), "4 " + path("counts/entries") + "\n");
  EXPECT_EQ(output({"tail", "-n", "1", path("counts/entries")}), entry_line(3, 0));
  EXPECT_EQ(output({"tail", "-n", "+4", path("counts/entries")}), entry_line(3, 0));
  EXPECT_EQ(output({"tail", "-c", "5", path("counts/keys/1")}),
            value_line(7).substr(value_line(7).size() - 5));
  EXPECT_EQ(output({"head", "-n", "1", path("counts/entries")}), entry_line(0, 0));
  EXPECT_THAT(output({"cat", path("counts/schema")}), HasSubstr("8"));
  EXPECT_EQ(
      output({"sh", "-c", "while read -r l; do echo \"$l\"; done < " + path("counts/entries")}),
      entry_line(0, 0) + entry_line(1, 7) + entry_line(2, 0) + entry_line(3, 0));
  EXPECT_EQ(
      output({"dd", "if=" + path("counts/keys/1"), "bs=1", "skip=1", "count=2", "status=none"}),
      value_line(7).substr(1, 2));
}

TEST_F(ValuesReaders, SeeSizesAndTimesThatAreRight) {
  serve({{.name = "counts", .map = array_.get()}});
  struct stat status {};
  const std::string file = path("counts/keys/2");
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(static_cast<size_t>(status.st_size), value_line(0).size());
  EXPECT_EQ(output({"cat", file}).size(), value_line(0).size());
  const auto before = status.st_mtim;
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_nsec, before.tv_nsec);
  EXPECT_EQ(status.st_mtim.tv_sec, before.tv_sec);
  set(array_, 2, 12345);
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(static_cast<size_t>(status.st_size), value_line(12345).size());
  EXPECT_TRUE(status.st_mtim.tv_sec > before.tv_sec ||
              (status.st_mtim.tv_sec == before.tv_sec && status.st_mtim.tv_nsec > before.tv_nsec));
  ASSERT_EQ(stat(path("counts").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 1'700'000'000);
}

TEST_F(ValuesReaders, CopyAndSearchWholeTrees) {
  set(array_, 1, 4711);
  serve({{.name = "counts", .map = array_.get()}});
  const std::string wanted = value_line(4711);
  EXPECT_EQ(output({"grep", "-rl", wanted.substr(0, wanted.size() - 1), path("counts/keys")}),
            path("counts/keys/1") + "\n");
  const std::string copy = directory_.make_directory("copy");
  EXPECT_EQ(output({"tar", "-cf", directory_.path("all.tar"), "-C", path(), "counts"}), "");
  EXPECT_EQ(output({"tar", "-xf", directory_.path("all.tar"), "-C", copy}), "");
  EXPECT_EQ(read_file(copy + "/counts/keys/1"), wanted);
  if (!has_program("rsync")) GTEST_SKIP() << "rsync is not installed";
  const std::string synced = directory_.make_directory("synced");
  EXPECT_EQ(output({"rsync", "-a", path("counts/keys/"), synced}), "");
  EXPECT_EQ(read_file(synced + "/1"), wanted);
  set(array_, 1, 4712);
  EXPECT_EQ(output({"rsync", "-a", "--modify-window=-1", path("counts/keys/"), synced}), "");
  EXPECT_EQ(read_file(synced + "/1"), value_line(4712));
}

TEST_F(ValuesReaders, FindNoKeyThatWasDeleted) {
  const Fd hash = make_map({.max_entries = 8});
  set(hash, 5, 1);
  serve({{.name = "flows", .map = hash.get()}});
  const std::string file = path("flows/keys/%%%05%00%00%00");
  const Fd known(open(file.c_str(), O_PATH | O_CLOEXEC));
  ASSERT_TRUE(known.valid()) << strerror(errno);
  const Fd open_file(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  unset(hash, 5);
  EXPECT_EQ(open(file.c_str(), O_RDONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, ENOENT);
  struct stat status {};
  EXPECT_EQ(stat(file.c_str(), &status), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(open(("/proc/self/fd/" + std::to_string(known.get())).c_str(), O_RDONLY | O_CLOEXEC),
            -1);
  EXPECT_EQ(errno, ENOENT);
  // What was open shows what it showed.
  char text[256];
  EXPECT_EQ(read(open_file.get(), text, sizeof text), static_cast<ssize_t>(value_line(1).size()));
  set(hash, 5, 2);
  EXPECT_EQ(output({"cat", file}), value_line(2));
}

TEST_F(ValuesReaders, SeeWhatOwnerAndModeAllow) {
  serve({{.name = "mine", .map = array_.get(), .uid = 1234, .gid = 1235, .mode = 0440},
         {.name = "all", .map = array_.get(), .mode = 0664}});
  struct stat status {};
  ASSERT_EQ(stat(path("mine/keys/1").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0440U);
  EXPECT_EQ(status.st_uid, 1234U);
  EXPECT_EQ(status.st_gid, 1235U);
  ASSERT_EQ(stat(path("mine/keys").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFDIR | 0550U);
  ASSERT_EQ(stat(path("all/entries").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, S_IFREG | 0444U);
  const auto as = [&](const char* who, const std::string& file) {
    return run({"setpriv", "--reuid", who, "--regid", who, "--clear-groups", "cat", file}).status;
  };
  EXPECT_EQ(as("1234", path("mine/keys/1")), 0);
  EXPECT_NE(as("1300", path("mine/keys/1")), 0);
  EXPECT_NE(as("1300", path("mine/entries")), 0);
  EXPECT_EQ(as("1300", path("all/keys/1")), 0);
}

int error_of(long result) {
  return result < 0 ? errno : 0;
}

// Each way to change something, with what it answers.
void expect_nothing_is_written(const std::string& root) {
  const std::string file = root + "/counts/keys/1", directory = root + "/counts/keys";
  const std::string other = directory + "/9";
  EXPECT_EQ(error_of(open(file.c_str(), O_WRONLY)), EROFS);
  EXPECT_EQ(error_of(open(file.c_str(), O_RDWR)), EROFS);
  EXPECT_EQ(error_of(open(file.c_str(), O_WRONLY | O_TRUNC)), EROFS);
  EXPECT_EQ(error_of(open(other.c_str(), O_WRONLY | O_CREAT, 0644)), EROFS);
  EXPECT_EQ(error_of(open(directory.c_str(), O_RDWR | O_TMPFILE, 0644)), EROFS);
  EXPECT_EQ(error_of(truncate(file.c_str(), 0)), EROFS);
  EXPECT_EQ(error_of(mkdir(other.c_str(), 0755)), EROFS);
  EXPECT_EQ(error_of(mknod(other.c_str(), S_IFIFO | 0644, 0)), EROFS);
  EXPECT_EQ(error_of(symlink("x", other.c_str())), EROFS);
  EXPECT_EQ(error_of(link(file.c_str(), other.c_str())), EROFS);
  EXPECT_EQ(error_of(rename(file.c_str(), other.c_str())), EROFS);
  EXPECT_EQ(error_of(unlink(file.c_str())), EROFS);
  EXPECT_EQ(error_of(rmdir(directory.c_str())), EROFS);
  EXPECT_EQ(error_of(chmod(file.c_str(), 0777)), EROFS);
  EXPECT_EQ(error_of(chown(file.c_str(), 1, 1)), EROFS);
  EXPECT_EQ(error_of(utime(file.c_str(), nullptr)), EROFS);
}

TEST_F(ValuesReaders, CanWriteNothing) {
  serve({{.name = "counts", .map = array_.get()}});
  expect_nothing_is_written(path());
}

// Root of the machine may make the superblock writable: the server refuses all the same.
TEST_F(ValuesReaders, CanWriteNothingToAWritableSuperblock) {
  serve({{.name = "counts", .map = array_.get()}}, false);
  expect_nothing_is_written(path());
}

TEST_F(ValuesReaders, FindNoOtherDoors) {
  serve({{.name = "counts", .map = array_.get()}}, false);
  const std::string file = path("counts/keys/1");
  char text[64];
  EXPECT_EQ(error_of(getxattr(file.c_str(), "user.x", text, sizeof text)), EOPNOTSUPP);
  EXPECT_EQ(error_of(listxattr(file.c_str(), text, sizeof text)), EOPNOTSUPP);
  EXPECT_EQ(error_of(setxattr(file.c_str(), "user.x", "1", 1, 0)), EOPNOTSUPP);
  EXPECT_EQ(error_of(removexattr(file.c_str(), "user.x")), EOPNOTSUPP);
  const Fd open_file(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(open_file.valid());
  int flags = 0;
  EXPECT_EQ(error_of(ioctl(open_file.get(), FS_IOC_GETFLAGS, &flags)), ENOTTY);
  EXPECT_EQ(error_of(ioctl(open_file.get(), 0x1234, &flags)), ENOTTY);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, open_file.get(), 0), MAP_FAILED);
  EXPECT_EQ(errno, ENODEV);
  EXPECT_EQ(error_of(fsync(open_file.get())), 0);
  struct statvfs status {};
  ASSERT_EQ(statvfs(path().c_str(), &status), 0);
  EXPECT_EQ(status.f_namemax, 255U);
  EXPECT_EQ(error_of(open(path("counts/keys/4").c_str(), O_RDONLY)), ENOENT);
  EXPECT_EQ(error_of(open(path("counts/keys/007").c_str(), O_RDONLY)), ENOENT);
  EXPECT_EQ(error_of(open(path("other").c_str(), O_RDONLY)), ENOENT);
  EXPECT_EQ(error_of(open((file + "/x").c_str(), O_RDONLY)), ENOTDIR);
}

// Programs that let the kernel copy, for which a size of 0 is the end: into pipes, files and
// sockets.
class ValuesCopied : public ValuesReaders {
 protected:
  // `all`: what every program shows of the file, whole, to its end and from its start.
  void expect_every_reader_shows(const std::string& file, const std::string& all) {
    const std::string copy = directory_.path("copy"), expected = directory_.path("expected");
    write_file(expected, all);
    const auto shows = [&](const std::string& command) {
      std::filesystem::remove(copy);
      const auto result =
          run({"bash", "-c", "set -o pipefail; F=" + file + "; C=" + copy + "; " + command});
      EXPECT_EQ(result.status, 0) << command << result;
      EXPECT_THAT(run({"cmp", copy, expected}), Succeeds()) << command;
    };
    shows("busybox cat $F | cat > $C");
    shows("busybox cat < $F | cat > $C");
    shows("busybox cat $F > $C");
    shows("busybox cp $F $C");
    shows("busybox dd if=$F of=$C bs=4k 2>/dev/null");
    shows("busybox head -n 1000000 $F > $C");
    shows("busybox tail -n +1 $F > $C");
    shows("cat $F | cat > $C");
    shows("cp $F $C");
    shows("dd if=$F of=$C status=none bs=4k iflag=fullblock");
    shows("grep '' $F > $C");
    const std::string lines = std::to_string(std::ranges::count(all, '\n')) + "\n";
    EXPECT_EQ(output({"sh", "-c", "busybox cat " + file + " | wc -l"}), lines);
    EXPECT_EQ(output({"sh", "-c", "busybox wc -l < " + file}), lines);
    EXPECT_EQ(output({"sh", "-c", "wc -c < " + file}), std::to_string(all.size()) + "\n");
    const std::string last = all.substr(all.rfind('\n', all.size() - 2) + 1);
    EXPECT_EQ(output({"busybox", "tail", "-n", "1", file}), last);
    EXPECT_EQ(output({"busybox", "tail", "-c", "9", file}), last.substr(last.size() - 9));
    EXPECT_EQ(output({"tail", "-c", "9", file}), last.substr(last.size() - 9));
    EXPECT_EQ(output({"tail", "-n", "1", file}), last);
    const std::string first = all.substr(0, all.find('\n') + 1);
    EXPECT_EQ(output({"busybox", "head", "-n", "1", file}), first);
    EXPECT_EQ(run({"head", "-n", "1", file}).out, first);
  }
  // Everything that comes by splice(2), or "refused" by the kernel's usual word for it.
  static std::string spliced(const std::string& file) {
    int ends[2];
    check(::pipe2(ends, O_CLOEXEC), "pipe");
    const Fd out(ends[0]), in(ends[1]), source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    std::string all;
    for (;;) {
      const ssize_t some = ::splice(source.get(), nullptr, in.get(), nullptr, 65536, 0);
      if (some < 0) return errno == EINVAL ? "refused" : strerror(errno);
      if (some == 0) return all;
      std::string bytes(static_cast<size_t>(some), '\0');
      check(::read(out.get(), bytes.data(), bytes.size()), "read");
      all += bytes;
    }
  }
};

TEST_F(ValuesCopied, AreWholeWhereTheyAreFew) {
  set(array_, 1, 7);
  serve({{.name = "counts", .map = array_.get()}});
  const std::string all = entry_line(0, 0) + entry_line(1, 7) + entry_line(2, 0) + entry_line(3, 0);
  struct stat status {};
  ASSERT_EQ(stat(path("counts/entries").c_str(), &status), 0);
  EXPECT_EQ(static_cast<size_t>(status.st_size), all.size());
  expect_every_reader_shows(path("counts/entries"), all);
  EXPECT_EQ(spliced(path("counts/entries")), all);
  EXPECT_EQ(output({"busybox", "cat", path("counts/keys/1")}), value_line(7));
  set(array_, 1, 8);
  EXPECT_EQ(output({"busybox", "cat", path("counts/keys/1")}), value_line(8));
  EXPECT_EQ(spliced(path("counts/keys/1")), value_line(8));
  EXPECT_EQ(spliced(path("counts/entries")).substr(all.find('\n') + 1, all.find('\n') + 1),
            entry_line(1, 8));
  EXPECT_EQ(output({"tar", "-cf", directory_.path("all.tar"), "-C", path(), "counts"}), "");
  EXPECT_EQ(output({"tar", "-xOf", directory_.path("all.tar"), "counts/entries"}).size(),
            all.size());
}

TEST_F(ValuesCopied, AreWholeWhereTheyAreMany) {
  constexpr uint32_t kMany = 5000;
  const Fd large = make_map({.type = MapSpec::Type::kArray, .max_entries = kMany});
  std::string all;
  for (uint32_t i = 0; i < kMany; ++i) all += entry_line(i, 0);
  serve({{.name = "large", .map = large.get()}});
  const std::string file = path("large/entries");
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 4096);
  expect_every_reader_shows(file, all);
  const Fd stream(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  EXPECT_EQ(error_of(pread(stream.get(), &byte, 1, 1 << 20)), ESPIPE);
  EXPECT_EQ(error_of(pread(stream.get(), &byte, 1, 0)), ESPIPE);
  EXPECT_EQ(error_of(lseek(stream.get(), 0, SEEK_SET)), ESPIPE);
  // Linux 6.5 and newer has the page cache splice; before, and where that is mended, the file is
  // read. Never nothing, as if it were the end.
  EXPECT_THAT(spliced(file), testing::AnyOf("refused", all));
  EXPECT_THAT(run({"python3", "-c",
                   "import os,sys\n"
                   "f=os.open(sys.argv[1],os.O_RDONLY)\n"
                   "try: print(os.sendfile(1,f,None,100))\n"
                   "except OSError as e: print(e.errno)",
                   file}),
              Succeeds());
}

TEST_F(ValuesReaders, AreListedNoMoreThanTheLimitAndFindTheRestByName) {
  serve({{.name = "two", .map = array_.get(), .values = {.list = 2}},
         {.name = "none", .map = array_.get(), .values = {.list = 0}}});
  EXPECT_EQ(output({"ls", path("two/keys")}), "0\n1\n");
  EXPECT_EQ(output({"ls", "-A", path("none/keys")}), "");
  EXPECT_EQ(output({"cat", path("none/keys/3")}), value_line(0));
  EXPECT_EQ(output({"wc", "-l", path("none/entries")}), "4 " + path("none/entries") + "\n");
}

TEST_F(ValuesReaders, FindLongKeysByTheirDigest) {
  const Fd hash = make_map({.key_size = 300, .max_entries = 64});
  std::set<std::string> names;
  for (uint8_t i = 0; i < 40; ++i) {
    const std::string key(300, static_cast<char>(0x80 + i));
    const uint64_t value = i;
    ASSERT_EQ(bpf_map_update_elem(hash.get(), key.data(), &value, BPF_ANY), 0);
  }
  serve({{.name = "long", .map = hash.get()}});
  const std::string key(300, static_cast<char>(0x80 + 17));
  // Nobody has listed anything yet.
  const std::string name = values::name_of({}, std::as_bytes(std::span(key)));
  EXPECT_EQ(output({"cat", path("long/keys/" + name)}), value_line(17));
  EXPECT_EQ(error_of(open(path("long/keys/%~" + std::string(64, '0')).c_str(), O_RDONLY)), ENOENT);
  for (const auto& file : std::filesystem::directory_iterator(path("long/keys"))) {
    names.insert(file.path().filename());
    EXPECT_EQ(file.file_size(), value_line(1).size());
  }
  EXPECT_EQ(names.size(), 40U);
  EXPECT_TRUE(names.contains(name));
}

TEST_F(ValuesReaders, AreToldWhyAMapIsNotShown) {
  const Fd ring = make_map({.type = MapSpec::Type::kRingBuffer});
  serve({{.name = "events", .map = ring.get()}});
  EXPECT_EQ(output({"ls", path("events")}), "schema\n");
  EXPECT_THAT(output({"cat", path("events/schema")}), HasSubstr("ringbuf"));
}

}  // namespace
}  // namespace pinscope::test
