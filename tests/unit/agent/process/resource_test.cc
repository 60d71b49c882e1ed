#include "agent/process/resource.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace kernspan::process {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Not;

HostInfo host() {
  return {.name = "node-7",
          .id = "0123456789abcdef0123456789abcdef",
          .arch = "amd64",
          .os_description = "Debian GNU/Linux 12 (bookworm)",
          .boot_id = "6a7b3f2e-0000-4000-8000-000000000001"};
}

Attribute text(std::string key, std::string value) {
  return {std::move(key), std::move(value)};
}

ProcessInfo shop() {
  ProcessInfo process;
  process.tgid = 4711;
  process.parent_tgid = 1;
  process.start_time_unix_ns = 1'706'933'106'789'000'000;
  process.executable_name = "python3.11";
  process.executable_path = "/usr/bin/python3.11";
  process.owner = "www-data";
  process.args = {"python3", "app.py", "--password=1"};
  process.service_name = "shop";
  process.service_instance_id = "id";
  process.runtime_name = "cpython";
  return process;
}

TEST(Resource, HoldsTheSemanticConventionsAttributes) {
  EXPECT_THAT(
      resource_attributes(shop(), host(), {}),
      ElementsAre(text("service.name", "shop"), text("service.instance.id", "id"),
                  Attribute{"process.pid", std::int64_t{4711}},
                  Attribute{"process.parent_pid", std::int64_t{1}},
                  text("process.executable.name", "python3.11"),
                  text("process.executable.path", "/usr/bin/python3.11"),
                  text("process.owner", "www-data"), text("process.runtime.name", "cpython"),
                  text("process.creation.time", "2024-02-03T04:05:06.789Z"),
                  text("host.name", "node-7"), text("host.id", host().id),
                  text("host.arch", "amd64"), text("os.type", "linux"),
                  text("os.description", host().os_description)));
}

TEST(Resource, LeavesOutWhatIsNotKnown) {
  ProcessInfo process;
  process.tgid = 5;
  process.service_name = "unknown_service";
  EXPECT_THAT(resource_attributes(process, {}, {.command_args = true}),
              ElementsAre(text("service.name", "unknown_service"),
                          Attribute{"process.pid", std::int64_t{5}}, text("os.type", "linux")));
}

TEST(Resource, CommandLinesOnlyWhenAskedFor) {
  EXPECT_THAT(resource_attributes(shop(), host(), {}),
              Not(Contains(Field(&Attribute::key, testing::StartsWith("process.command")))));
  const auto attributes = resource_attributes(shop(), host(), {.command_args = true});
  EXPECT_THAT(attributes, Contains(text("process.command", "python3")));
  EXPECT_THAT(attributes, Contains(Attribute{"process.command_args", shop().args}));
}

TEST(Resource, TheOwnersAttributesWin) {
  ProcessInfo process = shop();
  process.service_namespace = "store";
  process.service_version = "1.2";
  process.resource_attributes = {{"host.name", "mine"}, {"deployment.environment.name", "prod"}};
  const auto attributes = resource_attributes(process, host(), {});
  EXPECT_THAT(attributes, Contains(text("service.namespace", "store")));
  EXPECT_THAT(attributes, Contains(text("service.version", "1.2")));
  EXPECT_THAT(attributes, Contains(text("host.name", "mine")));
  EXPECT_THAT(attributes, Not(Contains(text("host.name", "node-7"))));
  EXPECT_THAT(attributes, Contains(text("deployment.environment.name", "prod")));
}

TEST(Resource, InstanceIdsAreStableAndDiffer) {
  const std::string id = instance_id(host(), 4711, 1000);
  // python3 -c 'import uuid; print(uuid.uuid5(uuid.UUID("4d63009a-8d0f-11ee-aad7-4c796ed8e320"),
  // ...'
  EXPECT_EQ(id, "d23040c8-e0da-5240-a210-a39c4faa7fb3");
  EXPECT_EQ(id, instance_id(host(), 4711, 1000));
  EXPECT_NE(id, instance_id(host(), 4712, 1000));
  EXPECT_NE(id, instance_id(host(), 4711, 1001));
  HostInfo rebooted = host();
  rebooted.boot_id = "6a7b3f2e-0000-4000-8000-000000000002";
  EXPECT_NE(id, instance_id(rebooted, 4711, 1000));
  HostInfo unknown = host();
  unknown.id.clear();
  EXPECT_EQ(instance_id(unknown, 4711, 1000), "");
}

}  // namespace
}  // namespace kernspan::process
