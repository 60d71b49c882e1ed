#include "pipeline/extensions/bearer_token_auth/bearer_token_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class BearerTokenAuthTest : public ::testing::Test {
 protected:
  BearerTokenAuthTest() {
    std::string pattern = ::testing::TempDir() + "tokensXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~BearerTokenAuthTest() override { std::filesystem::remove_all(folder_); }

  std::string create(const std::string& yaml) {
    auto made =
        bearer_token_auth_extension_factory().create(ComponentStage::yaml(yaml), stage_.context());
    if (!made) return made.error().message;
    extension_ = *std::move(made);
    return "";
  }
  void start(const std::string& yaml) {
    ASSERT_EQ(create(yaml), "");
    const Status started = extension_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void start_with_file(const std::filesystem::path& file) {
    BearerTokenSettings settings;
    settings.filename = file;
    settings.reload_interval = 1ms;
    extension_ = std::make_unique<BearerTokenAuth>(stage_.context(), std::move(settings));
    ASSERT_TRUE(extension_->start());
  }

  Status authenticate(const std::string& value, const std::string& header = "authorization") {
    const std::map<std::string, std::string, std::less<>> headers = {{header, value}};
    return dynamic_cast<ServerAuthenticator&>(*extension_)
        .authenticate([&headers](std::string_view name) -> std::optional<std::string_view> {
          const auto found = headers.find(name);
          if (found == headers.end()) return std::nullopt;
          return found->second;
        });
  }
  std::string sent() {
    const auto headers = dynamic_cast<ClientAuthenticator&>(*extension_).request_headers();
    if (!headers) return headers.error().message;
    return headers->front().first + ": " + headers->front().second;
  }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  bool wait_until_accepted(const std::string& value) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!authenticate(value)) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool wait_for_failures() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (stage_.metric("kernspan_extension_bearertokenauth_reload_failures",
                         {{"extension", "bearertokenauth"}}) < 1) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  ComponentStage stage_{"bearertokenauth"};
  std::filesystem::path folder_;
  std::unique_ptr<Extension> extension_;
};

TEST_F(BearerTokenAuthTest, AsksForTheToken) {
  start("{token: s3cret-token}");
  EXPECT_TRUE(authenticate("Bearer s3cret-token"));
  for (const char* wrong : {"Bearer s3cret-toke", "Bearer s3cret-tokens", "Bearer", "s3cret-token",
                            "bearer s3cret-token", "Basic s3cret-token", "Bearer  s3cret-token"}) {
    const Status refused = authenticate(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().message, "scheme or token does not match");
  }
  EXPECT_EQ(authenticate("").error().message,
            "missing or empty authorization header: authorization");
  EXPECT_FALSE(authenticate("Bearer s3cret-token", "x-token"));
  EXPECT_EQ(stage_.metric("kernspan_extension_bearertokenauth_rejected_requests",
                          {{"extension", "bearertokenauth"}}),
            9);
}

TEST_F(BearerTokenAuthTest, SendsTheTokenAndAsksForTls) {
  start("{token: s3cret, scheme: Token, header: X-Auth}");
  EXPECT_EQ(sent(), "x-auth: Token s3cret");
  EXPECT_TRUE(authenticate("Token s3cret", "x-auth"));
  EXPECT_TRUE(dynamic_cast<ClientAuthenticator&>(*extension_).requires_tls());
}

TEST_F(BearerTokenAuthTest, TakesAnyOfSeveralAndSendsTheFirst) {
  start("{tokens: [new, old], scheme: \"\"}");
  EXPECT_TRUE(authenticate("new"));
  EXPECT_TRUE(authenticate("old"));
  EXPECT_FALSE(authenticate("older"));
  EXPECT_EQ(sent(), "authorization: new");
}

TEST_F(BearerTokenAuthTest, ReadsAFileLineByLine) {
  const auto file = write("tokens", "  first \r\n\n\tsecond\n");
  start("{filename: " + file.string() + "}");
  EXPECT_TRUE(authenticate("Bearer first"));
  EXPECT_TRUE(authenticate("Bearer second"));
  EXPECT_FALSE(authenticate("Bearer "));
  EXPECT_EQ(sent(), "authorization: Bearer first");
}

TEST_F(BearerTokenAuthTest, SeesThatTheFileChanges) {
  start_with_file(write("tokens", "old"));
  EXPECT_TRUE(authenticate("Bearer old"));
  write("tokens", "new");
  EXPECT_TRUE(wait_until_accepted("Bearer new"));
  EXPECT_FALSE(authenticate("Bearer old"));
  EXPECT_EQ(sent(), "authorization: Bearer new");
}

TEST_F(BearerTokenAuthTest, SeesThatALinkLeadsElsewhere) {
  // As the kubelet updates a secret: ..data changes, the file's own link does not.
  std::filesystem::create_directory(folder_ / "one");
  std::filesystem::create_directory(folder_ / "two");
  write("one/token", "old");
  write("two/token", "new");
  std::filesystem::create_symlink("one", folder_ / "..data");
  std::filesystem::create_symlink("..data/token", folder_ / "token");
  start_with_file(folder_ / "token");
  EXPECT_TRUE(authenticate("Bearer old"));
  std::filesystem::create_symlink("two", folder_ / "..data_tmp");
  std::filesystem::rename(folder_ / "..data_tmp", folder_ / "..data");
  EXPECT_TRUE(wait_until_accepted("Bearer new"));
}

TEST_F(BearerTokenAuthTest, AFileThatGoesAwayChangesNothing) {
  const auto file = write("tokens", "old");
  start_with_file(file);
  std::filesystem::remove(file);
  ASSERT_TRUE(wait_for_failures());
  EXPECT_TRUE(authenticate("Bearer old"));
  write("tokens", "new");
  EXPECT_TRUE(wait_until_accepted("Bearer new"));
}

TEST_F(BearerTokenAuthTest, AFileWithoutATokenIsAnErrorAtTheStart) {
  const auto empty = write("empty", " \n\n");
  ASSERT_EQ(create("{filename: " + empty.string() + "}"), "");
  EXPECT_THAT(extension_->start().error().message,
              AllOf(HasSubstr(empty.string()), HasSubstr("no bearer token provided")));
  ASSERT_EQ(create("{filename: /nowhere/token}"), "");
  EXPECT_THAT(extension_->start().error().message,
              HasSubstr("/nowhere/token cannot be read: No such file or directory"));
  ASSERT_EQ(create("{filename: " + folder_.string() + "}"), "");
  EXPECT_FALSE(extension_->start()) << "a folder";
  write("large", std::string((1 << 20) + 10, 'x'));
  ASSERT_EQ(create("{filename: " + (folder_ / "large").string() + "}"), "");
  EXPECT_THAT(extension_->start().error().message, HasSubstr("is larger than"));
}

TEST_F(BearerTokenAuthTest, NobodyComesInBeforeTheStart) {
  ASSERT_EQ(create("{token: a}"), "");
  EXPECT_FALSE(authenticate("Bearer a"));
  EXPECT_FALSE(dynamic_cast<ClientAuthenticator&>(*extension_).request_headers());
}

TEST_F(BearerTokenAuthTest, RefusesWrongSettingsWithoutQuotingTokens) {
  EXPECT_THAT(create("{}"), HasSubstr("no bearer token provided"));
  EXPECT_THAT(create("{token: \"\"}"), HasSubstr("no bearer token provided"));
  EXPECT_THAT(create("{tokens: [geheim, \"\"]}"),
              AllOf(HasSubstr("a token is empty"), Not(HasSubstr("geheim"))));
  EXPECT_THAT(create("{token: geheim1, tokens: [geheim2]}"),
              AllOf(HasSubstr("not both"), Not(HasSubstr("geheim"))));
  EXPECT_THAT(create("{token: \"geheim\\nX-Admin: 1\"}"),
              AllOf(HasSubstr("characters that a header cannot carry"), Not(HasSubstr("geheim"))));
  EXPECT_EQ(create("{token: a, filename: b}"), "");
  ASSERT_EQ(stage_.warnings.messages.size(), 1U);
  EXPECT_THAT(stage_.warnings.messages[0], HasSubstr("Configured token(s) is ignored"));
}

}  // namespace
}  // namespace kernspan
