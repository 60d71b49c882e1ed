#include "agent/golang/grpc_go_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/golang/probe_points.h"
#include "tests/unit/agent/golang/go_executable.h"

namespace kernspan::golang {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

auto inspect(const std::string& bytes) {
  return inspect_grpc_go(OpenFile(bytes).fd());
}
std::string refusal_of(const GoExecutable& executable) {
  const auto program = inspect(executable.file());
  return program ? "none" : std::string(refusal_name(program.error()));
}

TEST(FindReturns, KnowsInstructionsFromTheirOperands) {
  using namespace std::string_view_literals;
  const auto returns = find_returns("\x31\xc0\xc3\xb8\xc3\xc3\xc3\xc3\xc3\xcc\xcc"sv);
  ASSERT_TRUE(returns.has_value());
  EXPECT_THAT(*returns, ElementsAre(2u, 8u));
  EXPECT_THAT(*find_returns(""), IsEmpty());
}

TEST(FindReturns, GivesUpWhereNoInstructionIs) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(find_returns("\x90\x06\xc3"sv));  // no instruction of 64-bit code
  EXPECT_FALSE(find_returns("\xc3\xb8\x01"sv));  // cut
}

TEST(FindErrorChecks, FindsTheBranchBehindACall) {
  using namespace std::string_view_literals;
  // call rsi; test rbx, rbx; je
  EXPECT_THAT(*find_error_checks("\xff\xd6\x48\x85\xdb\x74\x31\xc3"sv), ElementsAre(5u));
  // call r8; nop; test rbx, rbx; jne (near)
  EXPECT_THAT(*find_error_checks("\x41\xff\xd0\x0f\x1f\x00\x48\x85\xdb\x0f\x85\0\0\0\0\xc3"sv),
              ElementsAre(9u));
  // A direct call; a test of another register; AX may be another by the time of the test.
  EXPECT_THAT(*find_error_checks("\xe8\0\0\0\0\x48\x85\xdb\x74\x31"sv), IsEmpty());
  EXPECT_THAT(*find_error_checks("\xff\xd6\x48\x85\xc0\x74\x31"sv), IsEmpty());
  EXPECT_THAT(*find_error_checks("\xff\xd6\x31\xc0\x48\x85\xdb\x74\x31"sv), IsEmpty());
  EXPECT_FALSE(find_error_checks("\xff\xd6\x06"sv));
}

TEST(FindEntry, IsTheStackCheckWhereNothingWasWrittenBefore) {
  using namespace std::string_view_literals;
  // cmp rsp, [r14+16]; jbe
  EXPECT_EQ(find_entry("\x49\x3b\x66\x10\x76\x20\x55"sv), 4u);
  // lea r12, [rsp-0x98]; cmp r12, [r14+16]; jbe (near)
  EXPECT_EQ(find_entry("\x4c\x8d\xa4\x24\x68\xff\xff\xff\x4d\x3b\x66\x10\x0f\x86\x3c\x0a\0\0"sv),
            12u);
  EXPECT_EQ(find_entry("\x31\xc0\x76\x20"sv), 0u) << "xor eax, eax";
  EXPECT_EQ(find_entry("\x55\x76\x20"sv), 0u) << "push rbp";
  EXPECT_EQ(find_entry("\x06"sv), 0u);
}

TEST(GrpcGoProgram, PrefersTheCallersCheckToReturns) {
  GoExecutable executable;
  executable.functions.push_back({"google.golang.org/grpc.(*csAttempt).newStream",
                                  "\x90\xff\xd6\x48\x85\xdb\x74\x01\xc3\xc3"});
  const auto program = inspect(executable.file());
  ASSERT_TRUE(program.has_value());
  const std::uint64_t text_at = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  EXPECT_THAT(program->client_points, ElementsAre(text_at + 2 + 9 + 2 + 6));
  executable.functions.back().code = "\xc3";
  EXPECT_EQ(inspect(executable.file())->client_points.size(), 2u);
}

TEST(GrpcGoProgram, SaysWhereTheProbesGo) {
  const GoExecutable executable;
  const auto program = inspect(executable.file());
  ASSERT_TRUE(program.has_value());
  const std::uint64_t text_at = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  EXPECT_THAT(program->client_points, ElementsAre(text_at + 2 + 2, text_at + 2 + 8));
  EXPECT_THAT(program->server_points, ElementsAre(text_at + 2 + 9));
  EXPECT_FALSE(program->layout_is_from_debug_information);
  EXPECT_EQ(program->layout.goroutine_id, 152u);
  EXPECT_EQ(program->layout.stream_method, 72u);
}

TEST(GrpcGoProgram, PositionIndependentOnesHaveTheSame) {
  GoExecutable executable;
  const auto fixed = inspect(executable.file());
  executable.is_relocated = true;
  executable.table_magic = 0xfffffff1;
  const auto relocated = inspect(executable.file());
  ASSERT_TRUE(fixed && relocated);
  EXPECT_EQ(relocated->client_points, fixed->client_points);
}

TEST(GrpcGoProgram, MayBeAClientOnly) {
  GoExecutable executable;
  executable.functions.pop_back();
  const auto program = inspect(executable.file());
  ASSERT_TRUE(program.has_value());
  EXPECT_THAT(program->server_points, IsEmpty());
  EXPECT_EQ(program->client_points.size(), 2u);
}

TEST(GrpcGoProgram, RefusesByName) {
  GoExecutable executable;
  executable.functions.resize(1);
  EXPECT_EQ(refusal_of(executable), "without_grpc");
  for (const char* go : {"go1.17.13", "devel go1.23-abc", "", "go1.19"}) {
    executable = {.go = go};
    EXPECT_EQ(refusal_of(executable), std::string(go) == "go1.19" ? "none" : "go_version") << go;
  }
  executable = {.table_magic = 0xfffffffa};  // of Go 1.16 and 1.17
  EXPECT_EQ(refusal_of(executable), "function_table");
  executable = {};
  executable.functions.push_back(executable.functions[1]);
  EXPECT_EQ(refusal_of(executable), "function_table") << "two of a name";
  executable = {};
  executable.functions[1].code = "\x06\xc3";
  EXPECT_EQ(refusal_of(executable), "code");
  executable.functions[1].code = "\x90";
  EXPECT_EQ(refusal_of(executable), "code") << "no return";
  EXPECT_EQ(std::string(refusal_name(inspect("#!/bin/sh\n").error())), "unreadable");
}

TEST(GrpcGoProgram, GuessesNoLayout) {
  for (const char* modules :
       {"", "dep\tgoogle.golang.org/grpc\tv1.20.0\n", "dep\tgoogle.golang.org/grpc\tv1.999.0\n",
        "dep\tgoogle.golang.org/grpc\tv2.33.0\n", "dep\tgoogle.golang.org/grpcx\tv1.33.3\n",
        "dep\tgoogle.golang.org/grpc\tv1.33.3\n=>\texample.org/fork\tv1.0.0\n",
        "dep\tgoogle.golang.org/grpc\t(devel)\n"}) {
    EXPECT_EQ(refusal_of({.modules = modules}), "layout_unknown") << modules;
  }
  EXPECT_EQ(refusal_of({.go = "go1.99.0"}), "layout_unknown");
  // What was replaced is another module.
  EXPECT_EQ(refusal_of({.modules = "dep\texample.org/a\tv1.0.0\n=>\t../a\t\n"
                                   "dep\tgoogle.golang.org/grpc\tv1.33.3\th1:abc=\n"}),
            "none");
}

// Whatever is cut off or wrong: an answer, and no access outside the file (the sanitizers see to that).
TEST(GrpcGoProgram, SurvivesDamage) {
  const std::string whole = GoExecutable{}.file();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(inspect(whole.substr(0, size)).has_value()) << size;
  }
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string damaged = whole;
      damaged[at] = value;
      if (!inspect(damaged)) ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace kernspan::golang
