#include "agent/conn/header_capture.h"

#include <gtest/gtest.h>

#include <memory>

#include "agent/span/header_attributes.h"

namespace kernspan {
namespace {

TEST(HeaderNames, AreFoundInWhateverCase) {
  const HeaderNames names({"X-Request-ID", "content-type", "x_under.score"});
  ASSERT_TRUE(names.find("x-request-id"));
  EXPECT_EQ(*names.find("X-REQUEST-ID"), "x-request-id");
  EXPECT_TRUE(names.contains("X_Under.Score"));
  for (const char* name : {"", "x-request-ie", "x-request-i", "content\rtype"}) {
    EXPECT_FALSE(names.contains(name)) << name;
  }
  EXPECT_FALSE(HeaderNames().contains("content-type"));
}

TEST(CapturedHeaders, AreBoundedAndCounted) {
  HeaderBudget budget;
  CapturedHeaders headers(budget);
  headers.add(false, "a", std::string(CapturedHeaders::kValueBytesMax + 1, 'x'));
  EXPECT_EQ(budget.too_long, 1u);
  for (std::size_t i = 0; i <= CapturedHeaders::kValuesMax; ++i) headers.add(false, "a", "x");
  EXPECT_EQ(headers.fields().size(), CapturedHeaders::kValuesMax);
  EXPECT_EQ(budget.too_many, 1u);
}

TEST(CapturedHeaders, ShareABudgetAndGiveItBack) {
  HeaderBudget budget;
  std::vector<std::unique_ptr<CapturedHeaders>> exchanges;
  const std::string large(CapturedHeaders::kValueBytesMax, 'x');
  while (budget.no_room == 0) {
    exchanges.push_back(std::make_unique<CapturedHeaders>(budget));
    exchanges.back()->add(true, "a", large);
    ASSERT_LT(exchanges.size(), 10'000u);
  }
  EXPECT_LE(budget.bytes, HeaderBudget::kBytesMax);
  exchanges.clear();
  EXPECT_EQ(budget.bytes, 0u);
}

TEST(SensitiveHeaders, AreToldByTheirNames) {
  for (const char* name :
       {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key",
        "x-auth-token", "x-csrf-token", "x-amz-security-token", "www-authenticate", "x-session-id",
        "private-token", "x-vault-token", "x-goog-iap-jwt-assertion", "x-hub-signature-256"}) {
    EXPECT_TRUE(is_sensitive_header(name)) << name;
  }
  for (const char* name :
       {"content-type", "x-request-id", "accept", "user-agent", "etag", "host"}) {
    EXPECT_FALSE(is_sensitive_header(name)) << name;
  }
}

}  // namespace
}  // namespace kernspan
