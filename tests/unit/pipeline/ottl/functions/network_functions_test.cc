#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

using NetworkFunctions = FunctionFixture;

TEST_F(NetworkFunctions, IsInCidr) {
  expect({
      {R"(IsInCIDR("192.168.1.1", ["192.168.0.0/16"]))", "true"},
      {R"(IsInCIDR("192.169.1.1", ["192.168.0.0/16", "10.0.0.0/8"]))", "false"},
      {R"(IsInCIDR("10.255.0.1", ["192.168.0.0/16", "10.0.0.0/8"]))", "true"},
      {R"(IsInCIDR("10.1.255.255", ["10.1.128.0/17"]))", "true"},
      {R"(IsInCIDR("10.1.127.255", ["10.1.128.0/17"]))", "false"},
      {R"(IsInCIDR("10.1.2.3", ["0.0.0.0/0"]))", "true"},
      {R"(IsInCIDR("10.1.2.3", ["10.1.2.3/32"]))", "true"},
      {R"(IsInCIDR("2001:db8::1", ["2001:db8::/32"]))", "true"},
      {R"(IsInCIDR("2001:db9::1", ["2001:db8::/32", "10.0.0.0/8"]))", "false"},
      {R"(IsInCIDR("::ffff:10.1.2.3", ["10.0.0.0/8"]))", "true"},
      {R"(IsInCIDR("no address", ["10.0.0.0/8"]))", "false"},
      {R"(IsInCIDR("10.1.2.3", [Concat(["10.0.0.0", "8"], "/")]))", "true"},
      {R"(IsInCIDR("10.1.2.3", [Concat(["10.0.0.0", "33"], "/")]))", "error: invalid CIDR address"},
      {R"(IsInCIDR("10.1.2.3", ["10.0.0.0"]))", "error: invalid CIDR address"},
      {R"(IsInCIDR("10.1.2.3", ["10.0.0.0/x"]))", "error: invalid CIDR address"},
      {R"(IsInCIDR(1, ["10.0.0.0/8"]))", "error: expected string"},
  });
}

TEST_F(NetworkFunctions, CommunityId) {
  expect({
      {R"(CommunityID("1.2.3.4", 12345, "5.6.7.8", 80, "TCP", 0))",
       R"("1:0by3b/tE95hcOzccyt6d4kjgbZc=")"},
      {R"(CommunityID("5.6.7.8", 80, "1.2.3.4", 12345))", R"("1:0by3b/tE95hcOzccyt6d4kjgbZc=")"},
      {R"(CommunityID("192.168.1.1", 53, "10.10.10.10", 53000, "UDP"))",
       R"("1:gQ05/45srnixHs8V/2ejpkxhBwg=")"},
      {R"(CommunityID("10.10.10.10", 53000, "192.168.1.1", 53, "ICMP"))",
       R"("1:9TGPWejPFuBlKrHuVcM3iaA8hf8=")"},
      {R"(CommunityID("10.10.10.10", 53, "192.168.1.1", 53000, "RSVP"))",
       R"("1:rkXhRghBvx2yf3zgDnSHuJ35XaY=")"},
      {R"(CommunityID("192.168.1.1", 53, "10.10.10.10", 53000, "ICMP6"))",
       R"("1:bchQ2SAoVf2Iq1XdGBXObLJ2i64=")"},
      {R"(CommunityID("192.168.1.1", 53, "10.10.10.10", 53000, "SCTP"))",
       R"("1:zo1kfEyhghMaeU7tQDCE2G+ITQc=")"},
      {R"(CommunityID("2001:db8::1", 8080, "2001:db8::2", 443))",
       R"("1:c5m26SNBLmvfaBQJNWKXZwUGGcM=")"},
      {R"(CommunityID("192.168.1.1", 12345, "192.168.1.2", 80, "TCP", 1234))",
       R"("1:v1n8p4IZW9jXIJnFANLbRU2ahdU=")"},
      {R"(CommunityID("10.0.0.2", 80, "10.0.0.1", 12345))", R"("1:CpuULklTENbGdRpvp7gNcQd5ZqA=")"},
      {R"(CommunityID("127.0.0.1", 8080, "127.0.0.1", 8080))",
       R"("1:sG2vk7rcZ12ZxPg+nnwljgdVEGw=")"},
      {R"(CommunityID("2001:db8::1", 8080, "10.1.1.1", 443))",
       R"("1:T1e3va6jTSWaSKkG3k4dnZq5VM8=")"},
      {R"(CommunityID("10.1.1.1", 8080, "10.1.1.2", 8079))", R"("1:1fjNfFLjLTsO2WE9AY0TbTeSaBs=")"},
      {R"(CommunityID("10.1.1.2", 8081, "10.1.1.2", 8080))", R"("1:3byUvmBpOu8KHoTRr4eN5AjTQEU=")"},
      {R"(CommunityID("invalid-ip", 80, "10.0.0.1", 12345))", "error: invalid source IP"},
      {R"(CommunityID("10.0.0.1", 80, "10.0.0.2", 12345, "UNKNOWN"))",
       "error: unsupported protocol"},
      {R"(CommunityID("10.0.0.1", 70000, "10.0.0.2", 1))", "error: source port must be between"},
      {R"(CommunityID("10.0.0.1", 1, "10.0.0.2", 1, seed = -1))", "error: seed must be between"},
  });
}

}  // namespace
}  // namespace kernspan::ottl
