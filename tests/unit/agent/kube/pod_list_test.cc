// PodLists by vectors (tests/vectors/podlist), and lists that are none.
#include "agent/kube/pod_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/kube/pod_directory.h"
#include "agent/process/pod_resource.h"
#include "tests/unit/sanitized.h"

namespace kernspan::kube {
namespace {

using nlohmann::json;

process::PodAttributeOptions options_of(const json& vector) {
  process::PodAttributeOptions options;
  const json& given = vector.at("options");
  options.labels = given.value("labels", std::vector<std::string>());
  options.annotations = given.value("annotations", std::vector<std::string>());
  options.use_labels_for_resource_attributes =
      given.value("use_labels_for_resource_attributes", false);
  return options;
}

json as_json(const std::vector<process::Attribute>& attributes) {
  json object = json::object();
  for (const process::Attribute& attribute : attributes) {
    EXPECT_FALSE(object.contains(attribute.key)) << attribute.key;
    std::visit([&](const auto& value) { object[attribute.key] = value; }, attribute.value);
  }
  return object;
}

void expect_service(const PodMatch& match, const process::PodAttributeOptions& options,
                    const json& expected) {
  process::ProcessInfo process;
  process.service_name = "python";
  const process::ServiceIdentity service = process::service_identity(process, match, options);
  EXPECT_EQ(service.name, expected.at("name"));
  EXPECT_EQ(service.namespace_name, expected.at("namespace"));
  EXPECT_EQ(service.version, expected.at("version"));
  EXPECT_EQ(service.instance_id, expected.at("instance_id"));
}

void expect_lookup(const PodDirectory& directory, const process::PodAttributeOptions& options,
                   const json& expected) {
  SCOPED_TRACE(expected.dump());
  if (expected.contains("ip")) {
    const PodPtr pod = directory.find_ip(expected.at("ip").get<std::string>());
    EXPECT_EQ(pod ? json(pod->name) : json(), expected.at("pod"));
    return;
  }
  const ContainerRef ref{.container_id = expected.value("container_id", ""),
                         .pod_uid = expected.value("pod_uid", "")};
  const PodMatch match = directory.find(ref.container_id, ref.pod_uid);
  if (expected.at("attributes").is_null()) {
    EXPECT_FALSE(match);
    return;
  }
  ASSERT_TRUE(match);
  EXPECT_EQ(as_json(process::pod_attributes(ref, {.match = match}, options)),
            expected.at("attributes"));
  expect_service(match, options, expected.at("service"));
  json annotated = json::object();
  for (const auto& [key, value] : process::annotated_attributes(*match.pod, options)) {
    annotated[key] = value;
  }
  EXPECT_EQ(annotated, expected.value("annotated", json::object()));
}

TEST(PodList, Vectors) {
  std::size_t files = 0;
  const auto folder = std::filesystem::path(KERNSPAN_SOURCE_DIR) / "tests/vectors/podlist";
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(file.path().filename().string());
    ++files;
    std::ifstream stream(file.path());
    const json vector = json::parse(stream);
    const process::PodAttributeOptions options = options_of(vector);
    PodFields fields;
    fields.annotations = options.annotations;
    for (const int indent : {-1, 2}) {
      PodListReader reader(fields, 100);
      PodDirectory directory({}, [] { return 1; });
      Result<std::vector<PodPtr>> pods = reader.read(vector.at("list").dump(indent));
      ASSERT_TRUE(pods) << pods.error().message;
      EXPECT_EQ(reader.counters().pods_bad, vector.at("bad_pods"));
      if (vector.at("bad_pods") == 0) {
        EXPECT_EQ(reader.counters().fields_left_out, 0u);
      }
      directory.apply(*std::move(pods));
      for (const json& expected : vector.at("expect")) {
        expect_lookup(directory, options, expected);
      }
    }
  }
  EXPECT_GE(files, 7u);
}

std::string pod_text(const std::string& uid, const std::string& more = "") {
  return R"({"metadata": {"uid": ")" + uid + R"(", "name": "n", "namespace": "s")" + more + "}}";
}

TEST(PodList, PodsThatHaveNotChangedAreTheSameObjects) {
  PodListReader reader({}, 100);
  const auto first = reader.read(R"({"items": [)" + pod_text("1") + "," + pod_text("2") + "]}");
  const auto second = reader.read(R"({"items": [)" + pod_text("2") + "," +
                                  pod_text("1", R"(,"labels": {})") + "]}");
  ASSERT_TRUE(first && second);
  EXPECT_EQ((*second)[0], (*first)[1]);
  EXPECT_NE((*second)[1], (*first)[0]);
  EXPECT_EQ(reader.counters().pods_parsed, 3u);
  EXPECT_EQ(reader.counters().pods_unchanged, 1u);
}

TEST(PodList, WhatIsNoPodListIsRefusedWhole) {
  const std::string list = R"({"kind": "PodList", "items": [)" + pod_text("1") + R"(], "x": "]"})";
  PodListReader reader({}, 100);
  ASSERT_TRUE(reader.read(list));
  for (std::size_t size = 0; size < list.size(); ++size) {
    EXPECT_FALSE(reader.read(list.substr(0, size))) << size;
  }
  EXPECT_EQ(reader.counters().lists_bad, list.size());
  for (const char* text :
       {"[]", "null", "{}", R"({"items": 7})", R"({"items": [} ]})", R"({"items": []} {})",
        R"({"kind": "NodeList", "items": []})", R"({"items": [], "items": []})",
        R"({"items": [],})", R"({"items" [])", "<html>", R"({items: []})", R"({"items": [,]})",
        R"({"items": nulls})", R"({"items": null)", R"({"items": [] "a": 1})", R"({,"items": []})",
        "", R"({"a": , "items": []})"}) {
    EXPECT_FALSE(reader.read(text)) << text;
  }
}

std::vector<std::string> uids_of(const std::vector<PodPtr>& pods) {
  std::vector<std::string> uids;
  for (const PodPtr& pod : pods) uids.push_back(pod->uid);
  return uids;
}

TEST(PodList, InWhateverPiecesItComesItSaysTheSame) {
  const std::string list =
      R"( {"a": {"b": [1, "]}\"", null]}, "c": -1.5e3 , "kind":"PodList", "items" : [)" +
      pod_text("1", R"(,"labels": {"a\"}": "{[\\"})") + " , " + pod_text("2") + R"(], "x": []})";
  PodListReader reader({}, 100);
  for (std::size_t size = 1; size <= list.size(); ++size) {
    reader.begin();
    for (std::size_t at = 0; at < list.size(); at += size) {
      reader.take(std::string_view(list).substr(at, size));
    }
    const auto pods = reader.finish();
    ASSERT_TRUE(pods) << size << ": " << pods.error().message;
    EXPECT_EQ(uids_of(*pods), (std::vector<std::string>{"1", "2"})) << size;
    EXPECT_EQ(pods->at(0)->labels, (Pairs{{"a\"}", "{[\\"}})) << size;
  }
  EXPECT_EQ(reader.counters().pods_parsed, 2u);
  EXPECT_EQ(reader.counters().pods_unchanged, 2 * (list.size() - 1));
}

TEST(PodList, AListThatIsNotFinishedWasNotThere) {
  PodListReader reader({}, 100);
  const auto first = reader.read(R"({"items": [)" + pod_text("1") + "]}");
  reader.begin();
  reader.take(R"({"items": [7, )" + pod_text("2"));
  const auto second = reader.read(R"({"items": [)" + pod_text("1") + "]}");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*second, *first);
  EXPECT_EQ(reader.counters().lists, 2u);
  EXPECT_EQ(reader.counters().pods_bad, 0u);
  EXPECT_EQ(reader.counters().pods_parsed, 1u);
}

TEST(PodList, APodThatIsTooLargeEndsTheList) {
  PodListReader reader({}, 2);
  const std::string before = R"({"items": [{"a": ")";
  const std::string after = R"("}]})";
  const std::size_t more = std::string_view(R"({"a": ""})").size();
  for (const std::size_t above : {0u, 1u}) {
    const std::string text(PodListSplitter::kPodBytesMax - more + above, 'x');
    const auto whole = reader.read(before + text + after);
    EXPECT_EQ(whole.has_value(), above == 0);
    reader.begin();
    for (const std::string& piece : {before, text, after}) reader.take(piece);
    EXPECT_EQ(reader.finish().has_value(), above == 0);
  }
}

TEST(PodList, NestingAndSizesAreBounded) {
  PodListReader reader({}, 2);
  const std::string deep(100'000, '[');
  EXPECT_FALSE(reader.read(R"({"items": [{"a":)" + deep));
  EXPECT_FALSE(reader.read(deep));
  const auto read = reader.read(R"({"items": [)" + pod_text("1") + "," + pod_text("2") + "," +
                                pod_text("3") + "]}");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 2u);
  EXPECT_EQ(reader.counters().pods_left_out, 1u);
  const std::string labels = R"(, "labels": {"a": ")" + std::string(5000, 'x') + R"(", "b": "c"})";
  const auto cut = reader.read(R"({"items": [)" + pod_text("9", labels) + "]}");
  ASSERT_TRUE(cut);
  EXPECT_EQ((*cut)[0]->label("a"), nullptr);
  ASSERT_NE((*cut)[0]->label("b"), nullptr);
  EXPECT_EQ(reader.counters().fields_left_out, 1u);
}

TEST(PodList, LongAnnotationsAreKeptWhenTheyAreAskedFor) {
  PodFields fields;
  fields.annotations = {"asked"};
  PodListReader reader(fields, 2);
  const std::string value(300, 'x');
  const auto read = reader.read(R"({"items": [)" +
                                pod_text("1", R"(, "annotations": {"short": "y", "other": ")" +
                                                  value + R"(", "asked": ")" + value +
                                                  R"(", "kernspan.io/z": ")" + value + R"("})") +
                                "]}");
  ASSERT_TRUE(read);
  const Pod& pod = *read->at(0);
  EXPECT_NE(pod.annotation("short"), nullptr);
  EXPECT_EQ(pod.annotation("other"), nullptr);
  EXPECT_NE(pod.annotation("asked"), nullptr);
  EXPECT_NE(pod.annotation("kernspan.io/z"), nullptr);
  EXPECT_EQ(reader.counters().fields_left_out, 0u) << "nobody asked for it";
}

TEST(PodList, BytesThatAreNoUtf8MakeABadPod) {
  PodListReader reader({}, 2);
  ASSERT_TRUE(reader.read(R"({"items": [)" + pod_text("a\xff") + "]}"));
  EXPECT_EQ(reader.counters().pods_bad, 1u);
}

// As a Deployment's pod has them: labels, annotations, three containers, one of them restarted.
std::string large_pod(int number) {
  const auto container = [](const std::string& name) {
    return json{{"name", name},
                {"image", "registry.example.com/team/" + name + ":v1.2.3"},
                {"env", json::array({{{"name", "PASSWORD"}, {"value", std::string(500, 'p')}}})},
                {"resources", {{"limits", {{"cpu", "1"}, {"memory", "1Gi"}}}}}};
  };
  const auto status = [&](const std::string& name, int index) {
    const std::string id = std::to_string(number * 10 + index);
    return json{{"name", name},
                {"restartCount", 1},
                {"containerID", "containerd://" + std::string(64 - id.size(), 'a') + id},
                {"imageID", "registry.example.com/team/x@sha256:" + std::string(64, 'b')},
                {"lastState",
                 {{"terminated",
                   {{"containerID", "containerd://" + std::string(64 - id.size(), 'c') + id}}}}}};
  };
  const std::string uid = "0b3f2c1d-5d1c-4d3a-9a51-" + std::to_string(100'000'000'000 + number);
  json pod{
      {"metadata",
       {{"uid", uid},
        {"name", "checkout-service-5d9c7b8f6c-" + std::to_string(number)},
        {"namespace", "production"},
        {"managedFields", std::string(4000, 'm')},
        {"ownerReferences", json::array({{{"kind", "ReplicaSet"},
                                          {"name", "checkout-service-5d9c7b8f6c"},
                                          {"uid", uid},
                                          {"controller", true}}})}}},
      {"spec", {{"nodeName", "node-a.example.com"}}},
      {"status",
       {{"phase", "Running"},
        {"startTime", "2024-02-01T00:00:00Z"},
        {"podIP", "10.1." + std::to_string(number / 250) + "." + std::to_string(number % 250)}}}};
  for (int i = 0; i < 12; ++i) {
    const std::string key = "example.com/a-label-of-some-length-" + std::to_string(i);
    pod["metadata"]["labels"][key] = "a-value-of-usual-length";
    pod["metadata"]["annotations"][key] = "a-value-of-usual-length";
  }
  pod["metadata"]["annotations"]["manifest"] = std::string(3000, 'x');
  int index = 0;
  for (const char* name : {"main", "proxy", "logs"}) {
    pod["spec"]["containers"].push_back(container(name));
    pod["status"]["containerStatuses"].push_back(status(name, index++));
  }
  return pod.dump();
}

std::size_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(PodList, AThousandPodsTakeLessThanTenMegabytes) {
  std::string list = R"({"items": [)";
  for (int i = 0; i < 1000; ++i) list += (i == 0 ? "" : ",") + large_pod(i);
  list += "]}";
  const std::size_t before = allocated_bytes();
  PodListReader reader({}, 2000);
  PodDirectory directory({}, [] { return 1; });
  {
    auto pods = reader.read(list);
    ASSERT_TRUE(pods && pods->size() == 1000);
    directory.apply(*std::move(pods));
  }
  const std::size_t bytes = allocated_bytes() - before;
  EXPECT_EQ(directory.container_ids(), 6000u);
  if (kSanitized) return;  // with an allocator of its own, which counts nothing here
  EXPECT_LT(bytes, 10'000'000u);
  RecordProperty("bytes", static_cast<int>(bytes));
  std::printf("1,000 pods of %zu bytes of JSON: %zu bytes each\n", list.size(), bytes / 1000);
}

}  // namespace
}  // namespace kernspan::kube
