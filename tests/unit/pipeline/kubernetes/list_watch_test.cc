#include "pipeline/kubernetes/list_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/kubernetes/api_simulator.h"

namespace kernspan::kube {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using Names = std::set<std::string>;
using namespace std::chrono_literals;

constexpr char kPods[] = "/api/v1/pods";

AccessSources sources(std::map<std::string, std::string> environment,
                      std::filesystem::path root = "/nonexistent") {
  return {.root = std::move(root),
          .environment = [environment](const std::string& name) -> std::optional<std::string> {
            const auto found = environment.find(name);
            return found == environment.end() ? std::nullopt : std::optional(found->second);
          }};
}

json pod(const std::string& name) {
  return {{"metadata", {{"name", name}, {"namespace", "shop"}}}};
}

// The names of the objects that there are, as the watch tells.
class NameKeeper final : public WatchHandler {
 public:
  void on_list_begin() override {
    const std::scoped_lock lock(mutex_);
    in_list_ = true;
    listed_.clear();
  }
  void on_object(const json& object) override {
    const std::scoped_lock lock(mutex_);
    has_managed_fields_ |= object["metadata"].contains("managedFields");
    (in_list_ ? listed_ : names_).insert(object["metadata"]["name"].get<std::string>());
    changed_.notify_all();
  }
  void on_deleted(const json& object) override {
    const std::scoped_lock lock(mutex_);
    names_.erase(object["metadata"]["name"].get<std::string>());
    changed_.notify_all();
  }
  void on_list_end() override {
    const std::scoped_lock lock(mutex_);
    in_list_ = false;
    names_ = listed_;
    ++lists_;
    changed_.notify_all();
  }
  void on_failure(const std::string& message) override {
    const std::scoped_lock lock(mutex_);
    failures_ += message + "\n";
    changed_.notify_all();
  }

  bool wait_for(const Names& names, int lists = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience,
                             [&] { return !in_list_ && lists_ >= lists && names_ == names; });
  }
  bool wait_for_failure(const std::string& part) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return failures_.contains(part); });
  }
  int lists() {
    const std::scoped_lock lock(mutex_);
    return lists_;
  }
  bool has_managed_fields() {
    const std::scoped_lock lock(mutex_);
    return has_managed_fields_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool in_list_ = false;
  Names listed_;
  Names names_;
  int lists_ = 0;
  std::string failures_;
  bool has_managed_fields_ = false;
};

class ListWatchTest : public ::testing::Test {
 protected:
  void start(const std::string& query = "") {
    auto access = kubeconfig_access(sources({{"KUBECONFIG", api_.kubeconfig()}}), "");
    ASSERT_TRUE(access) << access.error().message;
    watch_ = std::make_unique<ListWatch>(ListWatchSettings{.owner = "test",
                                                           .path = kPods,
                                                           .query = query,
                                                           .first_wait = 1ms,
                                                           .longest_wait = 20ms},
                                         *access, names_, stage_.metrics);
    watch_->start();
  }
  double metric(const std::string& name) { return stage_.metric(name, {{"path", kPods}}); }

  KubeApiSimulator api_;
  ComponentStage stage_{"test"};
  NameKeeper names_;
  std::unique_ptr<ListWatch> watch_;
};

TEST_F(ListWatchTest, FollowsWhatIsAddedChangedAndDeleted) {
  api_.put(kPods, pod("a"));
  start("fieldSelector=spec.nodeName%3Dn1");
  ASSERT_TRUE(names_.wait_for({"a"}));
  api_.put(kPods, pod("b"));
  ASSERT_TRUE(names_.wait_for({"a", "b"}));
  api_.remove(kPods, "a");
  ASSERT_TRUE(names_.wait_for({"b"}));
  EXPECT_EQ(names_.lists(), 1);
  EXPECT_FALSE(names_.has_managed_fields());
  for (const std::string& request : api_.requests()) {
    EXPECT_THAT(request, HasSubstr("fieldSelector=spec.nodeName%3Dn1"));
  }
  watch_->stop();
  watch_->stop();
}

TEST_F(ListWatchTest, TakesListsInPages) {
  api_.set_page_size(2);
  Names all;
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    api_.put(kPods, pod(name));
    all.insert(name);
  }
  start();
  ASSERT_TRUE(names_.wait_for(all));
  EXPECT_EQ(names_.lists(), 1);
  EXPECT_TRUE(api_.wait_for_requests("continue=4", 1));
}

TEST_F(ListWatchTest, GoesOnWhereABrokenWatchEnded) {
  start();
  ASSERT_TRUE(names_.wait_for({}));
  api_.put(kPods, pod("a"));
  ASSERT_TRUE(names_.wait_for({"a"}));
  api_.close_watches();
  api_.put(kPods, pod("b"));
  ASSERT_TRUE(names_.wait_for({"a", "b"}));
  EXPECT_EQ(names_.lists(), 1);
  EXPECT_GE(metric("kernspan_kubernetes_failures"), 1);
}

TEST_F(ListWatchTest, ListsAnewAfter410Gone) {
  for (const bool as_event : {false, true}) {
    const int before = names_.lists();
    if (watch_ == nullptr) start();
    api_.put(kPods, pod("old"));
    ASSERT_TRUE(names_.wait_for({"old"}));
    if (!as_event) api_.fail_next(1, 500);  // so that it goes on from an old version
    api_.forget_history(as_event);
    api_.close_watches();
    ASSERT_TRUE(names_.wait_for({"old"}, before + 1));
    api_.remove(kPods, "old");
    ASSERT_TRUE(names_.wait_for({}));
  }
  EXPECT_GE(metric("kernspan_kubernetes_expired"), 1);
}

TEST_F(ListWatchTest, ABookmarkMovesTheVersionOn) {
  start();
  ASSERT_TRUE(names_.wait_for({}));
  ASSERT_TRUE(api_.wait_for_requests("watch=1", 1));
  api_.bookmark(kPods);  // version 101
  api_.put(kPods, pod("a"));
  ASSERT_TRUE(names_.wait_for({"a"}));
  api_.close_watches();
  EXPECT_TRUE(api_.wait_for_requests("resourceVersion=102", 1));
}

TEST_F(ListWatchTest, KeepsTryingWhileTheServerFails) {
  api_.put(kPods, pod("a"));
  api_.fail_next(3, 403);
  start();
  ASSERT_TRUE(names_.wait_for_failure("answered with 403: told to fail"));
  ASSERT_TRUE(names_.wait_for({"a"}));
  EXPECT_EQ(metric("kernspan_kubernetes_failures"), 3);
}

TEST_F(ListWatchTest, AServerWithoutATrustedCertificateIsNotTold) {
  auto access = *kubeconfig_access(sources({{"KUBECONFIG", api_.kubeconfig()}}), "");
  access.ca_file = api_.certificates().path("other-ca.pem");
  watch_ = std::make_unique<ListWatch>(
      ListWatchSettings{.owner = "test", .path = kPods, .first_wait = 1ms, .longest_wait = 20ms},
      access, names_, stage_.metrics);
  watch_->start();
  EXPECT_TRUE(names_.wait_for_failure("certificate"));
  watch_->stop();
  EXPECT_TRUE(api_.requests().empty());
}

TEST(ApiAccess, OfAPodsServiceAccount) {
  const std::filesystem::path root = testing::TempDir() + "/service-account";
  const auto folder = root / "var/run/secrets/kubernetes.io/serviceaccount";
  std::filesystem::create_directories(folder);
  const std::map<std::string, std::string> pod = {{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                  {"KUBERNETES_SERVICE_PORT", "443"}};
  EXPECT_FALSE(service_account_access(sources(pod, root)));
  std::ofstream(folder / "token") << "secret\n";
  std::ofstream(folder / "namespace") << "tracing";
  const auto access = service_account_access(sources(pod, root));
  ASSERT_TRUE(access);
  EXPECT_EQ(access->url, "https://[fd00::1]:443");
  EXPECT_EQ(access->token_file, folder / "token");
  EXPECT_EQ(access->ca_file, folder / "ca.crt");
  EXPECT_EQ(access->own_namespace, "tracing");
  EXPECT_THAT(service_account_access(sources({}, root)).error().message, HasSubstr("not a pod"));
  EXPECT_TRUE(anonymous_access(sources(pod))->skip_verify);
  std::filesystem::remove_all(root);
}

TEST(ApiAccess, OfAKubeconfig) {
  const std::string path = testing::TempDir() + "kubeconfig-" + std::to_string(getpid());
  const auto read = [&](const std::string& yaml, const std::string& context = "") {
    std::ofstream(path) << yaml;
    return kubeconfig_access(sources({{"KUBECONFIG", path}}), context);
  };
  const std::string two =
      "current-context: a\n"
      "contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {cluster: c, user: "
      "v, namespace: n}}]\n"
      "clusters: [{name: c, cluster: {server: 'https://h:6443/', certificate-authority-data: "
      "aGVsbG8=}}]\n"
      "users: [{name: u, user: {token: t}}, {name: v, user: {client-certificate: pki/c.pem, "
      "client-key-data: aGVsbG8=}}]\n";
  const auto a = read(two);
  ASSERT_TRUE(a) << a.error().message;
  EXPECT_EQ(a->url, "https://h:6443");
  EXPECT_EQ(a->ca_pem, "hello");
  EXPECT_EQ(a->token, "t");
  const auto b = read(two, "b");
  ASSERT_TRUE(b);
  EXPECT_EQ(std::filesystem::path(b->certificate_file),
            std::filesystem::path(path).parent_path() / "pki/c.pem");
  EXPECT_EQ(b->key_pem, "hello");
  EXPECT_EQ(b->own_namespace, "n");
  EXPECT_THAT(read(two, "z").error().message, HasSubstr("no context \"z\""));
  EXPECT_THAT(read("a: [").error().message, HasSubstr("is not a kubeconfig"));
  EXPECT_THAT(read("{}").error().message, HasSubstr("no context"));
  EXPECT_THAT(read("contexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: a\n"
                   "clusters: [{name: c, cluster: {server: s}}]\n"
                   "users: [{name: u, user: {exec: {command: aws}}}]\n")
                  .error()
                  .message,
              HasSubstr("a program to be run"));
  EXPECT_FALSE(kubeconfig_access(sources({{"KUBECONFIG", path + "-none"}}), ""));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace kernspan::kube
