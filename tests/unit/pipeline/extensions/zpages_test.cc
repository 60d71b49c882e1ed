#include "pipeline/extensions/zpages/zpages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/component/service_view.h"
#include "tests/unit/pipeline/extensions/extension_fixture.h"
#include "tests/unit/pipeline/http_get.h"

namespace kernspan {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class GivenView final : public ServiceView {
 public:
  const std::vector<Pipeline>& pipelines() const override { return given_pipelines; }
  const std::vector<std::string>& extensions() const override { return given_extensions; }
  const Ledger& ledger() const override { return given_ledger; }
  Samples samples(std::string_view pipeline) const override {
    return pipeline == "traces" ? given_samples : Samples();
  }
  Status readiness() const override { return {}; }

  std::vector<Pipeline> given_pipelines;
  std::vector<std::string> given_extensions;
  Ledger given_ledger;
  Samples given_samples;
};

class ZpagesTest : public ExtensionFixture {
 protected:
  ZpagesTest() : ExtensionFixture(zpages_extension_factory(), 25679) {
    view_.given_pipelines = {{"traces", {"otlp"}, {"batch"}, {"otlp", "joined"}}};
    view_.given_extensions = {"health_check", "zpages/1"};
    StageBooks& books = view_.given_ledger.add_stage("processors/batch (traces)");
    books.take(12345);
    books.pass_on(12000);
    books.dropped("shutdown").add(345);
    view_.given_ledger.add_stage("connectors/joined").take(777);
    view_.given_samples.recent = {{.name = "<script>alert(1)</script>",
                                   .service = "shop & co",
                                   .status_message = "",
                                   .trace_id = TraceId{{1, 2, 3}},
                                   .start_time_unix_ns = 1'700'000'000'000'000'000,
                                   .duration_ns = 1'500'000,
                                   .is_error = false}};
  }
  std::string page(const std::string& path) {
    if (port_ == 0) {
      start([this] { dynamic_cast<ServiceObserver&>(*extension_).observe(view_); });
    }
    return http_get(port_, path);
  }

  GivenView view_;
};

TEST_F(ZpagesTest, ShowsPipelinesWithTheirBooks) {
  EXPECT_THAT(
      page("/debug/pipelinez"),
      AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("text/html"), HasSubstr("<h2>traces</h2>"),
            HasSubstr("receivers/otlp"), HasSubstr("processors/batch (traces)"),
            HasSubstr("12345 spans"), HasSubstr("345 shutdown"), HasSubstr("connectors/joined"),
            HasSubstr("777 spans")));
}

TEST_F(ZpagesTest, ShowsSpansAndTrustsNoText) {
  EXPECT_THAT(
      page("/debug/tracez"),
      AllOf(HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"), Not(HasSubstr("<script>")),
            HasSubstr("shop &amp; co"), HasSubstr("1.5ms"),
            HasSubstr("01020300000000000000000000000000"), HasSubstr("2023-11-14T22:13:20Z")));
}

TEST_F(ZpagesTest, ShowsTheServiceAndItsExtensions) {
  EXPECT_THAT(page("/debug/extensionz"), AllOf(HasSubstr("health_check"), HasSubstr("zpages/1")));
  EXPECT_THAT(page("/debug/servicez"),
              AllOf(HasSubstr(KERNSPAN_VERSION), HasSubstr("<td>no</td>")));
  extension_->pipelines_ready();
  EXPECT_THAT(page("/debug/servicez"), HasSubstr("<td>yes</td>"));
  EXPECT_THAT(page("/debug/featurez"), HasSubstr("no feature gates"));
  EXPECT_THAT(page("/debug/nothing"), StartsWith("HTTP/1.1 404"));
}

TEST_F(ZpagesTest, RefusesWrongSettings) {
  EXPECT_THAT(create("{endpoint: x}"), HasSubstr("is not host:port"));
  EXPECT_THAT(create("{port: 1}"), HasSubstr("unknown key \"port\""));
}

}  // namespace
}  // namespace kernspan
