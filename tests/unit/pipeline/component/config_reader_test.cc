#include "pipeline/component/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "pipeline/component/config_yaml.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

using Read = std::function<void(ConfigReader&)>;

class ConfigReaderTest : public ::testing::Test {
 protected:
  // Reads the settings below `exporters::otlp`; what is wrong is in errors_ and message_.
  bool read(const std::string& yaml, const Read& read_keys) {
    const Result<ConfigNode> parsed = parse_config(
        yaml, "a.yaml",
        [this](std::string_view name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        warnings_);
    EXPECT_TRUE(parsed) << parsed.error().message;
    root_ = parsed.value_or(ConfigNode());
    ConfigReader reader(root_, warnings_, "exporters::otlp");
    read_keys(reader);
    const Status status = reader.finish();
    errors_ = reader.errors();
    message_ = status ? "" : status.error().message;
    EXPECT_EQ(status.has_value(), errors_.empty());
    return status.has_value();
  }

  // The only problem.
  ConfigErrorKind kind() {
    EXPECT_EQ(errors_.size(), 1u) << message_;
    return errors_.empty() ? ConfigErrorKind{-1} : errors_.front().kind;
  }

  std::map<std::string, std::string, std::less<>> variables_;
  ConfigNode root_;
  ConfigWarnings warnings_;
  std::vector<ConfigError> errors_;
  std::string message_;
};

TEST_F(ConfigReaderTest, ReadsEachType) {
  std::string string;
  bool boolean = false;
  int integer = 0;
  std::uint16_t port = 0;
  double number = 0;
  std::chrono::nanoseconds duration{};
  std::uint64_t bytes = 0;
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  EXPECT_TRUE(
      read("string: abc\nboolean: true\ninteger: -5\nport: 0x10\nnumber: 1.5\n"
           "duration: 1m\nbytes: 4KiB\nlist: [a, b]\nmap: {k: v}\n",
           [&](ConfigReader& reader) {
             reader.string("string", &string);
             reader.boolean("boolean", &boolean);
             reader.integer("integer", &integer);
             reader.integer("port", &port);
             reader.number("number", &number);
             reader.duration("duration", &duration);
             reader.bytes("bytes", &bytes);
             reader.string_list("list", &list);
             reader.string_map("map", &map);
           }))
      << message_;
  EXPECT_EQ(string, "abc");
  EXPECT_TRUE(boolean);
  EXPECT_EQ(integer, -5);
  EXPECT_EQ(port, 16);
  EXPECT_EQ(number, 1.5);
  EXPECT_EQ(duration, 1min);
  EXPECT_EQ(bytes, 4096u);
  EXPECT_THAT(list, ElementsAre("a", "b"));
  EXPECT_THAT(map, ElementsAre(Pair("k", "v")));
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(ConfigReaderTest, LeavesDefaultsWhereNothingStands) {
  std::string endpoint = "localhost:4317";
  int size = 7;
  bool insecure = true;
  EXPECT_TRUE(read("endpoint:\nsize: ~\n", [&](ConfigReader& reader) {
    EXPECT_FALSE(reader.has("endpoint"));
    reader.string("endpoint", &endpoint);
    reader.integer("size", &size);
    reader.section("tls").boolean("insecure", &insecure);
    EXPECT_THAT(reader.sections("policies"), IsEmpty());
    EXPECT_EQ(reader.node("anything"), nullptr);
  }));
  EXPECT_EQ(endpoint, "localhost:4317");
  EXPECT_EQ(size, 7);
  EXPECT_TRUE(insecure);
  EXPECT_TRUE(read("", [&](ConfigReader& reader) { reader.integer("size", &size); }));
}

TEST_F(ConfigReaderTest, AnUnknownKeyIsAnErrorWithASuggestion) {
  std::string endpoint;
  EXPECT_FALSE(read("endpiont: a:1\n",
                    [&](ConfigReader& reader) { reader.endpoint("endpoint", &endpoint); }));
  EXPECT_EQ(kind(), ConfigErrorKind::kUnknownKey);
  EXPECT_EQ(message_,
            "a.yaml:1:1: exporters::otlp: unknown key \"endpiont\"; did you mean \"endpoint\"?");
}

TEST_F(ConfigReaderTest, AnUnknownKeyThatIsLikeNothingListsTheKnownOnes) {
  bool flag = false;
  EXPECT_FALSE(read("a: true\nzzzzzz: 1\n", [&](ConfigReader& reader) {
    reader.boolean("a", &flag);
    reader.boolean("b", &flag);
  }));
  EXPECT_EQ(message_, "a.yaml:2:1: exporters::otlp: unknown key \"zzzzzz\"; known keys: a, b");
  EXPECT_FALSE(read("zzzzzz: 1\n", [](ConfigReader&) {}));
  EXPECT_THAT(message_, HasSubstr("there are no settings here"));
}

TEST_F(ConfigReaderTest, UnknownKeysAreFoundInSectionsAndItems) {
  bool insecure = false;
  std::string name;
  EXPECT_FALSE(read("tls:\n  insecur: true\npolicies:\n  - name: a\n  - nam: b\n",
                    [&](ConfigReader& reader) {
                      reader.section("tls").boolean("insecure", &insecure);
                      for (ConfigReader* policy : reader.sections("policies")) {
                        policy->string("name", &name);
                      }
                    }));
  EXPECT_EQ(
      message_,
      "a.yaml:2:3: exporters::otlp::tls: unknown key \"insecur\"; did you mean \"insecure\"?\n"
      "a.yaml:5:5: exporters::otlp::policies[1]: unknown key \"nam\"; did you mean \"name\"?");
}

// Each reads key `k` into some variable, and what it says of a value of the wrong type.
struct WrongType {
  const char* yaml;
  Read read;
  const char* message;
};

TEST_F(ConfigReaderTest, AWrongTypeIsAnErrorAtTheValue) {
  std::string text;
  bool flag = false;
  int integer = 0;
  double number = 0;
  std::chrono::nanoseconds duration{};
  std::uint64_t bytes = 0;
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  const Read as_integer = [&](ConfigReader& reader) { reader.integer("k", &integer); };
  const Read as_bool = [&](ConfigReader& reader) { reader.boolean("k", &flag); };
  const Read as_string = [&](ConfigReader& reader) { reader.string("k", &text); };
  const Read as_duration = [&](ConfigReader& reader) { reader.duration("k", &duration); };
  const Read as_section = [&](ConfigReader& reader) { reader.section("k"); };
  const std::vector<WrongType> cases = {
      {"k: abc\n", as_integer, "expected an integer, found \"abc\""},
      {"k: 1.5\n", as_integer, "expected an integer, found the number 1.5"},
      {"k: '5'\n", as_integer, "expected an integer, found \"5\""},
      {"k: [1]\n", as_integer, "expected an integer, found a list"},
      {"k: 1\n", as_bool, "expected true or false, found the integer 1"},
      {"k: yes\n", as_bool, "expected true or false, found \"yes\""},
      {"k: 'true'\n", as_bool, "expected true or false, found \"true\""},
      {"k: {a: b}\n", as_string, "expected a string, found a map"},
      {"k: [a]\n", as_string, "expected a string, found a list"},
      {"k: x\n", [&](ConfigReader& reader) { reader.number("k", &number); },
       "expected a number, found \"x\""},
      {"k: 10\n", as_duration,
       "expected a duration such as 300ms, 10s or 1h30m, found the integer 10; add a unit"},
      {"k: fast\n", as_duration, "expected a duration such as 300ms, 10s or 1h30m, found \"fast\""},
      {"k: 5 furlongs\n", [&](ConfigReader& reader) { reader.bytes("k", &bytes); },
       "expected a number of bytes such as 524288 or 512KiB, found \"5 furlongs\""},
      {"k: {a: b}\n", [&](ConfigReader& reader) { reader.string_list("k", &list); },
       "expected a list of strings, found a map"},
      {"k: abc\n", as_section, "expected a map of settings, found \"abc\""},
      {"k: true\n", [&](ConfigReader& reader) { reader.sections("k"); },
       "expected a list, found the boolean true"},
      {"k: [a]\n", [&](ConfigReader& reader) { reader.string_map("k", &map); },
       "expected a map of strings, found a list"},
  };
  for (const WrongType& wrong : cases) {
    EXPECT_FALSE(read(wrong.yaml, wrong.read)) << wrong.yaml;
    EXPECT_EQ(kind(), ConfigErrorKind::kWrongType);
    EXPECT_EQ(message_, std::string("a.yaml:1:4: exporters::otlp::k: ") + wrong.message);
  }
}

TEST_F(ConfigReaderTest, AWrongItemIsAnErrorAtTheItem) {
  std::vector<std::string> list;
  EXPECT_FALSE(read("k:\n  - a\n  - {b: c}\n",
                    [&](ConfigReader& reader) { reader.string_list("k", &list); }));
  EXPECT_EQ(message_, "a.yaml:3:5: exporters::otlp::k: expected a list of strings, found a map");
  EXPECT_THAT(list, IsEmpty());
}

TEST_F(ConfigReaderTest, SettingsThatAreNoMapAreAnError) {
  EXPECT_FALSE(read("- a\n", [](ConfigReader&) {}));
  EXPECT_EQ(message_, "a.yaml:1:1: exporters::otlp: expected a map of settings, found a list");
}

TEST_F(ConfigReaderTest, ABadValueIsAnErrorWithItsRange) {
  int size = 3;
  std::uint8_t small = 4;
  std::chrono::nanoseconds wait = 5s;
  std::uint64_t bytes = 6;
  double share = 7;
  EXPECT_FALSE(
      read("size: 0\nsmall: 256\nwait: 2h\nbytes: 2GiB\nshare: .nan\n", [&](ConfigReader& reader) {
        reader.integer("size", &size, 1, 10);
        reader.integer("small", &small);
        reader.duration("wait", &wait, 1s, 1h);
        reader.bytes("bytes", &bytes, 0, 1 << 30);
        reader.number("share", &share, 0, 100);
      }));
  ASSERT_EQ(errors_.size(), 5u) << message_;
  EXPECT_EQ(errors_[0].to_string(),
            "a.yaml:1:7: exporters::otlp::size: 0 is out of range; use 1 to 10");
  EXPECT_EQ(errors_[1].to_string(),
            "a.yaml:2:8: exporters::otlp::small: 256 is out of range; use 0 to 255");
  EXPECT_EQ(errors_[2].to_string(),
            "a.yaml:3:7: exporters::otlp::wait: 2h is out of range; use 1s to 1h0m0s");
  EXPECT_EQ(errors_[3].to_string(),
            "a.yaml:4:8: exporters::otlp::bytes: 2GiB is out of range; use "
            "0 to 1073741824 bytes");
  EXPECT_EQ(errors_[4].to_string(),
            "a.yaml:5:8: exporters::otlp::share: expected a number, found the number .nan");
  // What is wrong leaves the default.
  EXPECT_EQ(size, 3);
  EXPECT_EQ(small, 4);
  EXPECT_EQ(wait, 5s);
  EXPECT_EQ(bytes, 6u);
  EXPECT_EQ(share, 7);
}

TEST_F(ConfigReaderTest, NumbersThatFitNoTypeAreOutOfRange) {
  std::uint64_t size = 0;
  std::uint64_t bytes = 0;
  EXPECT_FALSE(read("a: 99999999999999999999\nb: -1\nc: 18446744073709551615GiB\n",
                    [&](ConfigReader& reader) {
                      reader.integer("a", &size);
                      reader.integer("b", &size);
                      reader.bytes("c", &bytes);
                    }));
  EXPECT_EQ(errors_.size(), 3u) << message_;
}

TEST_F(ConfigReaderTest, AChoiceOffersTheWords) {
  enum class Verbosity { kBasic, kDetailed };
  Verbosity verbosity = Verbosity::kBasic;
  const Read read_verbosity = [&](ConfigReader& reader) {
    reader.choice("verbosity", &verbosity,
                  {{"basic", Verbosity::kBasic},
                   {"detailed", Verbosity::kDetailed},
                   {"DETAILED", Verbosity::kDetailed}});
  };
  EXPECT_TRUE(read("verbosity: DETAILED\n", read_verbosity));
  EXPECT_EQ(verbosity, Verbosity::kDetailed);
  EXPECT_FALSE(read("verbosity: loud\n", read_verbosity));
  EXPECT_EQ(kind(), ConfigErrorKind::kBadValue);
  EXPECT_EQ(message_,
            "a.yaml:1:12: exporters::otlp::verbosity: \"loud\" is none of basic, detailed");
}

TEST_F(ConfigReaderTest, AnEndpointIsHostAndPort) {
  std::string endpoint;
  const Read read_endpoint = [&](ConfigReader& reader) { reader.endpoint("e", &endpoint); };
  for (const char* good :
       {"localhost:4317", "0.0.0.0:0", ":4317", "'[::1]:4317'", "'[::]:65535'", "a-b.example:1"}) {
    EXPECT_TRUE(read(std::string("e: ") + good, read_endpoint)) << message_;
  }
  for (const char* bad : {"localhost", "'host:'", "host:65536", "host:-1", "host:http",
                          "'::1:4317'", "http://host:80", "'a b:1'"}) {
    EXPECT_FALSE(read(std::string("e: ") + bad, read_endpoint)) << bad;
    EXPECT_EQ(kind(), ConfigErrorKind::kBadValue);
    EXPECT_THAT(message_, HasSubstr("is not host:port"));
  }
}

TEST_F(ConfigReaderTest, ANumberWhereAStringBelongsIsADeviation) {
  std::string port;
  EXPECT_TRUE(read("port: 4318\n", [&](ConfigReader& reader) { reader.string("port", &port); }));
  EXPECT_EQ(port, "4318");
  EXPECT_THAT(warnings_.messages, IsEmpty());
  ASSERT_EQ(warnings_.deviations.size(), 1u);
  EXPECT_EQ(warnings_.deviations[0].as_warning(),
            "a.yaml:1:7: exporters::otlp::port: expected type 'string', found the integer 4318; "
            "read as a string; put it in quotes");
  EXPECT_EQ(warnings_.deviations[0].as_error(),
            "a.yaml:1:7: exporters::otlp::port: expected type 'string', found the integer 4318; "
            "put it in quotes");
}

TEST_F(ConfigReaderTest, RemembersWhatIsSecret) {
  std::string token;
  std::map<std::string, std::string> headers;
  EXPECT_TRUE(read("key: a\ncookies: {x: y}\n", [&](ConfigReader& reader) {
    reader.secret("key", &token);
    reader.string_map("cookies", &headers);
  }));
  EXPECT_THAT(warnings_.secret_paths,
              ElementsAre("exporters::otlp::cookies", "exporters::otlp::key"));
}

TEST_F(ConfigReaderTest, AStringIsSplitWhereAListBelongs) {
  std::vector<std::string> list;
  EXPECT_TRUE(read("k: a, b ,c\n", [&](ConfigReader& reader) { reader.string_list("k", &list); }));
  EXPECT_THAT(list, ElementsAre("a", "b", "c"));
}

TEST_F(ConfigReaderTest, WhatComesFromTheEnvironmentFitsEveryType) {
  variables_ = {{"PORT", "4318"}, {"FLAG", "true"}, {"TEXT", "0123"}, {"YAML", "{a: b}"}};
  int port = 0;
  bool flag = false;
  std::string text;
  std::string yaml;
  std::map<std::string, std::string> map;
  EXPECT_TRUE(read("port: \"${PORT}\"\nflag: ${FLAG}\ntext: ${TEXT}\nyaml: ${YAML}\nmap: ${YAML}\n",
                   [&](ConfigReader& reader) {
                     reader.integer("port", &port);
                     reader.boolean("flag", &flag);
                     reader.string("text", &text);
                     reader.string("yaml", &yaml);
                     reader.string_map("map", &map);
                   }))
      << message_;
  EXPECT_EQ(port, 4318);
  EXPECT_TRUE(flag);
  EXPECT_EQ(text, "0123");
  EXPECT_EQ(yaml, "{a: b}");
  EXPECT_THAT(map, ElementsAre(Pair("a", "b")));
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(ConfigReaderTest, AnUnsetVariableLeavesTheDefaultOfANumber) {
  int size = 7;
  std::chrono::nanoseconds wait = 5s;
  std::string name = "default";
  EXPECT_TRUE(read("size: ${NO}\nwait: ${NO}\nname: ${NO}\n", [&](ConfigReader& reader) {
    reader.integer("size", &size);
    reader.duration("wait", &wait);
    reader.string("name", &name);
  }));
  EXPECT_EQ(size, 7);
  EXPECT_EQ(wait, 5s);
  EXPECT_EQ(name, "");
  EXPECT_EQ(warnings_.messages.size(), 3u);
}

TEST_F(ConfigReaderTest, SecretsAreNeverPrinted) {
  variables_ = {{"TOKEN", "hunter2"}};
  std::string token;
  int number = 0;
  bool flag = false;
  std::chrono::nanoseconds wait{};
  std::uint64_t bytes = 0;
  std::map<std::string, std::string> headers;
  EXPECT_FALSE(
      read("number: ${TOKEN}\nflag: ${TOKEN}\nwait: ${TOKEN}\nbytes: ${TOKEN}\n"
           "endpoint: ${TOKEN}\nchoice: ${TOKEN}\nsection: ${TOKEN}\n"
           "headers: {a: [hunter2]}\n",
           [&](ConfigReader& reader) {
             reader.integer("number", &number);
             reader.boolean("flag", &flag);
             reader.duration("wait", &wait);
             reader.bytes("bytes", &bytes);
             reader.endpoint("endpoint", &token);
             reader.choice("choice", &flag, {{"on", true}, {"off", false}});
             reader.section("section");
             reader.string_map("headers", &headers);
           }));
  EXPECT_EQ(errors_.size(), 8u) << message_;
  EXPECT_THAT(message_, AllOf(Not(HasSubstr("hunter2")), HasSubstr("${TOKEN}")));
  EXPECT_TRUE(read("token: 5\n", [&](ConfigReader& reader) { reader.secret("token", &token); }));
  EXPECT_EQ(token, "5");
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(ConfigReaderTest, ComponentsReportWhatOnlyTheyKnow) {
  EXPECT_FALSE(read("tls:\n  cert_file: a\nold: 1\n", [](ConfigReader& reader) {
    std::string cert;
    ConfigReader& tls = reader.section("tls");
    tls.string("cert_file", &cert);
    tls.require("key_file", "name the key of cert_file");
    tls.error("cert_file", "is expired");
    reader.ignored("old", "nobody needs it");
    reader.ignored("older", "nobody needs it");
  }));
  EXPECT_EQ(message_,
            "a.yaml:2:3: exporters::otlp::tls::key_file: is required and missing; name the key of "
            "cert_file\n"
            "a.yaml:2:14: exporters::otlp::tls::cert_file: is expired");
  EXPECT_THAT(warnings_.messages,
              ElementsAre("a.yaml:3:6: exporters::otlp::old: has no effect here: nobody needs it"));
}

TEST_F(ConfigReaderTest, ProblemsComeInTheOrderOfTheFile) {
  int number = 0;
  EXPECT_FALSE(read("b: x\nzz: 1\na: x\n", [&](ConfigReader& reader) {
    reader.integer("a", &number);
    reader.integer("b", &number);
  }));
  ASSERT_EQ(errors_.size(), 3u);
  EXPECT_EQ(errors_[0].position.line, 1);
  EXPECT_EQ(errors_[1].position.line, 2);
  EXPECT_EQ(errors_[2].position.line, 3);
}

}  // namespace
}  // namespace kernspan
