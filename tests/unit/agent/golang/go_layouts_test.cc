#include "agent/golang/go_layouts.h"

#include <gtest/gtest.h>

namespace kernspan::golang {
namespace {

constexpr Sides kBoth{.client = true, .server = true};

// As grpc-go 1.33 and Go 1.19 have them.
Structs old_structs() {
  const std::string transport = "google.golang.org/grpc/internal/transport.";
  return {{transport + "Stream", {{"id", {0, false}}, {"method", {72, false}}, {"ct", {24, true}}}},
          {transport + "http2Client", {{"conn", {72, false}}}},
          {transport + "http2Server", {{"conn", {32, false}}}},
          {"runtime.g", {{"goid", {152, false}}}},
          {"net.netFD", {{"pfd", {0, false}}, {"laddr", {96, false}}, {"raddr", {112, false}}}},
          {"internal/poll.FD", {{"Sysfd", {16, false}}}}};
}

std::string text(const ks_go_layout& layout) {
  std::string all;
  for (const ks_u32 value :
       {layout.goroutine_id, layout.parent_goroutine_id, layout.stream_is_indirect,
        layout.stream_id, layout.stream_method, layout.stream_client, layout.client_conn,
        layout.server_conn, layout.fd_sysfd, layout.fd_local, layout.fd_remote}) {
    all += value == KS_GO_ABSENT ? "- " : std::to_string(value) + " ";
  }
  return all;
}

std::string of_releases(Release go, Release grpc) {
  const auto layout = layout_from_releases({.go = go, .grpc = grpc});
  return layout ? text(*layout) : "unknown";
}

TEST(GoLayouts, DebugInformationAndTheTablesAgree) {
  const auto layout = layout_from_structs(old_structs(), kBoth);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(text(*layout), "152 - 0 0 72 24 72 32 16 96 112 ");
  EXPECT_EQ(text(*layout), of_releases({1, 19}, {1, 33}));
}

TEST(GoLayouts, StreamsOfTwoParts) {
  Structs structs = old_structs();
  const std::string transport = "google.golang.org/grpc/internal/transport.";
  structs[transport + "Stream"] = {{"id", {0, false}}, {"method", {24, false}}};
  structs[transport + "ClientStream"] = {{"Stream", {0, true}}, {"ct", {8, true}}};
  auto layout = layout_from_structs(structs, kBoth);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(layout->stream_is_indirect, 1u);
  EXPECT_EQ(layout->stream_client, 8u);
  structs[transport + "ClientStream"] = {{"Stream", {0, false}}, {"ct", {272, true}}};
  layout = layout_from_structs(structs, kBoth);
  EXPECT_EQ(layout->stream_is_indirect, 0u);
  structs[transport + "ClientStream"] = {{"Stream", {8, false}}, {"ct", {272, true}}};
  EXPECT_FALSE(layout_from_structs(structs, kBoth));
}

// An interface holds the pointer behind its type.
TEST(GoLayouts, ClientBehindAnInterface) {
  Structs structs = old_structs();
  structs["google.golang.org/grpc/internal/transport.Stream"]["ct"].is_pointer = false;
  EXPECT_EQ(layout_from_structs(structs, kBoth)->stream_client, 32u);
}

TEST(GoLayouts, EveryFieldThatIsNeededMustBeThere) {
  const Structs whole = old_structs();
  for (const auto& [structure, fields] : whole) {
    for (const auto& [field, place] : fields) {
      Structs lacking = whole;
      lacking[structure].erase(field);
      EXPECT_FALSE(layout_from_structs(lacking, kBoth)) << structure << "." << field;
    }
    Structs lacking = whole;
    lacking.erase(structure);
    EXPECT_FALSE(layout_from_structs(lacking, kBoth)) << structure;
  }
  Structs client = whole;
  client.erase("google.golang.org/grpc/internal/transport.http2Server");
  EXPECT_TRUE(layout_from_structs(client, {.client = true, .server = false}));
}

TEST(GoLayouts, ReleasesOfTheTables) {
  EXPECT_EQ(of_releases({1, 22}, {1, 36}), "152 272 0 0 72 24 64 32 16 96 112 ");
  EXPECT_EQ(of_releases({1, 22}, {1, 37}), "152 272 0 0 80 24 64 32 16 96 112 ");
  EXPECT_EQ(of_releases({1, 22}, {1, 57}), "152 272 0 0 80 24 136 32 16 96 112 ");
  EXPECT_EQ(of_releases({1, 23}, {1, 60}), "160 280 0 0 80 24 128 16 16 96 112 ");
  EXPECT_EQ(of_releases({1, 23}, {1, 66}), "160 280 0 0 88 32 128 16 16 96 112 ");
  EXPECT_EQ(of_releases({1, 23}, {1, 69}), "160 280 1 0 24 8 128 16 16 96 112 ");
  EXPECT_EQ(of_releases({1, 23}, {1, 77}), "160 280 0 108 16 272 128 16 16 96 112 ");
  EXPECT_EQ(of_releases({1, 18}, {1, 60}), "unknown");
  EXPECT_EQ(of_releases({1, 24}, {1, 60}), "unknown");
  EXPECT_EQ(of_releases({1, 22}, {1, 25}), "unknown");
  EXPECT_EQ(of_releases({1, 22}, {1, 84}), "unknown");
  EXPECT_FALSE(layout_from_releases({.go = Release{1, 22}, .grpc = {}}));
}

}  // namespace
}  // namespace kernspan::golang
