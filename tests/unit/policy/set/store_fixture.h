// A policy directory and a cache of their own below /run, for the tests of the store. Needs root:
// policy files and sets count only if root owns them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "plugin/policy/set/cache.h"
#include "plugin/policy/set/install.h"
#include "plugin/policy/set/stamps.h"
#include "plugin/policy/set/store.h"

namespace pinscope::policy {

class StoreFixture : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: policy files must be owned by root";
    ASSERT_NE(::mkdtemp(root_), nullptr);
    std::filesystem::create_directory(policies_);
    // Past the doubt about directories that have just been made.
    settle();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static void settle() { std::this_thread::sleep_for(std::chrono::nanoseconds(2 * kRacyNs)); }

  static void write(const std::filesystem::path& path, const std::string& text,
                    std::filesystem::perms perms = std::filesystem::perms(0644)) {
    std::ofstream(path) << text;
    std::filesystem::permissions(path, perms);
  }
  static std::string policy_text(const std::string& name) {
    return "apiVersion: pinscope/v1\nkind: Policy\nmetadata: {name: " + name +
           "}\nspec:\n  select: {user: {uid: 0}}\n  grants:\n    - {pin: /sys/fs/bpf/flows, "
           "access: "
           "read}\n";
  }
  void write_policy(const std::string& file, const std::string& name) const {
    write(policies_ / file, policy_text(name));
    settle();
  }
  // A program in place of the compiler.
  std::string script(const std::string& body) const {
    write(root() / "script", "#!/bin/sh\n" + body, std::filesystem::perms(0755));
    return root() / "script";
  }
  [[nodiscard]] std::filesystem::path root() const { return root_; }
  [[nodiscard]] std::filesystem::path kept(const char* suffix) const {
    return cache_ / cache_name(policies_, suffix);
  }

  Result<PolicyStore> try_open(const std::string& compiler = COMPILER) const {
    return PolicyStore::open({policies_, cache_, compiler});
  }
  PolicyStore open(const std::string& compiler = COMPILER) const {
    auto store = try_open(compiler);
    if (!store) {
      ADD_FAILURE() << store.error().sentence();
      std::abort();
    }
    return *std::move(store);
  }
  static std::vector<std::string> names(const PolicyStore& store) {
    std::vector<std::string> all;
    const auto policies = store.set().all();
    EXPECT_TRUE(policies);
    for (const auto& policy : *policies) all.push_back(policy.name);
    return all;
  }

 private:
  char root_[32] = "/run/pinscope-test-XXXXXX";

 protected:
  // mkdtemp() fills in root_ later.
  struct Below {
    const char* root;
    const char* name;
    operator std::filesystem::path() const { return std::filesystem::path(root) / name; }
    operator std::string() const { return std::filesystem::path(*this); }
    std::filesystem::path operator/(const std::string& below) const {
      return std::filesystem::path(*this) / below;
    }
  };
  const Below policies_{root_, "policy.d"};
  const Below cache_{root_, "cache"};
};

}  // namespace pinscope::policy
