// Cgroup paths and files by vectors: tests/vectors/cgroup, and those that stand beside the project.
#include "agent/kube/container_ref.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>

namespace kernspan::kube {

void PrintTo(const ContainerRef& ref, std::ostream* out) {
  *out << "container '" << ref.container_id << "' pod '" << ref.pod_uid << "' runtime '"
       << to_string(ref.runtime) << "'";
}

namespace {

using nlohmann::json;

json load(const std::filesystem::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

json cases_of(std::string_view name) {
  return load(std::filesystem::path(KERNSPAN_SOURCE_DIR) / "tests/vectors/cgroup" / name)
      .at("cases");
}

void expect(const ContainerRef& ref, const json& expected) {
  EXPECT_EQ(ref.container_id, expected.at("container").get<std::string>());
  EXPECT_EQ(ref.pod_uid, expected.at("pod").get<std::string>());
  EXPECT_EQ(to_string(ref.runtime), expected.at("runtime").get<std::string>());
}

TEST(ContainerRef, Paths) {
  const json vectors = cases_of("paths.json");
  ASSERT_GE(vectors.size(), 40u);
  for (const json& vector : vectors) {
    const std::string path = vector.at("path");
    SCOPED_TRACE(vector.at("name").get<std::string>() + ": " + path);
    expect(container_of_path(path), vector);
    expect(container_of_proc_cgroup("0::" + path + "\n"), vector);
    expect(container_of_proc_cgroup("3:cpu:/\n1:name=systemd:" + path + "\n0::/\n"), vector);
  }
}

TEST(ContainerRef, ProcFiles) {
  for (const char* name : {"proc_files.json", "real-kubelet-1.20-proc-files.json"}) {
    for (const json& vector : cases_of(name)) {
      SCOPED_TRACE(vector.at("name").get<std::string>());
      expect(container_of_proc_cgroup(vector.at("file").get<std::string>()), vector);
    }
  }
}

std::string bytes_of(const json& vector) {
  const std::string hex = vector.at("hex");
  std::string once;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    once += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  std::string bytes;
  for (int i = vector.at("repeat"); i > 0; --i) bytes += once;
  return bytes + vector.at("tail").get<std::string>();
}

TEST(ContainerRef, HostilePaths) {
  for (const json& vector : cases_of("hostile.json")) {
    SCOPED_TRACE(vector.at("name").get<std::string>());
    const std::string path = bytes_of(vector);
    expect(container_of_path(path), vector);
    expect(container_of_proc_cgroup("0::" + path), vector);
  }
}

TEST(ContainerRef, EveryPrefixOfAPathIsRead) {
  for (const json& vector : cases_of("paths.json")) {
    const std::string path = vector.at("path");
    for (std::size_t size = 0; size < path.size(); ++size) {
      const ContainerRef ref = container_of_path(std::string_view(path).substr(0, size));
      EXPECT_LE(ref.container_id.size(), 253u);
      EXPECT_LE(ref.pod_uid.size(), 253u);
    }
  }
}

TEST(ContainerRef, MalformedFilesSayNothing) {
  for (const std::string_view file : {"", "\n", "\n\n\n", "x", "1:x", ":", "::", "0:", "0::"}) {
    EXPECT_EQ(container_of_proc_cgroup(file), ContainerRef{}) << file;
  }
}

// Vectors of another project: `kind` is its own naming, in which what systemd or Talos runs is a
// container too, and a container's name carries a path.
ContainerRef without_pod(ContainerRef ref) {
  ref.pod_uid.clear();
  ref.runtime = ContainerRuntime::kUnknown;
  return ref;
}

ContainerRef expected_by(const json& vector, std::string_view id_key) {
  const std::string kind = vector.at("kind");
  ContainerRef ref;
  if (kind != "Docker" && kind != "Containerd" && kind != "Crio" && kind != "Lxc") return ref;
  ref.container_id = vector.at(id_key);
  constexpr std::string_view kLxc = "/lxc/";
  if (ref.container_id.starts_with(kLxc)) ref.container_id.erase(0, kLxc.size());
  return ref;
}

TEST(ContainerRef, SharedCgroupVectors) {
  const char* shared = std::getenv("KERNSPAN_SHARED_VECTORS");
  const std::filesystem::path path =
      std::filesystem::path(shared != nullptr ? shared : KERNSPAN_SOURCE_DIR "/../shared/vectors") /
      "cgroup/coroot.json";
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << "the vectors are not there: shared/vectors/cgroup";
  }
  const json vectors = load(path);
  ASSERT_FALSE(vectors.at("paths").empty());
  for (const json& vector : vectors.at("paths")) {
    const std::string cgroup = vector.at("cgroup_path");
    EXPECT_EQ(without_pod(container_of_path(cgroup)), expected_by(vector, "id")) << cgroup;
  }
  ASSERT_FALSE(vectors.at("proc_files").empty());
  for (const json& vector : vectors.at("proc_files")) {
    const std::string file = vector.at("proc_cgroup");
    EXPECT_EQ(without_pod(container_of_proc_cgroup(file)), expected_by(vector, "container_id"))
        << file;
  }
}

}  // namespace
}  // namespace kernspan::kube
