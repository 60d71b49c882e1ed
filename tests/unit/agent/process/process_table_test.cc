// The table of processes on a /proc of our own and hand-made events.
#include "agent/process/process_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "tests/unit/agent/process/fake_proc.h"

namespace kernspan::process {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// 2024-01-01. Tick 100 of the fake processes is second 1 after boot.
constexpr std::uint64_t kBoot = 1'704'067'200 * kSecond;

HostInfo host() {
  return {.name = "node-7", .id = "ab", .arch = "amd64", .os_description = "x", .boot_id = "cd"};
}

class ProcessTableTest : public ::testing::Test {
 protected:
  ProcessTableTest() { settings_.proc_root = proc_.root(); }

  ProcessTable& table() {
    if (!table_) {
      settings_.passwd_path = proc_.passwd();
      settings_.boot_time_unix_ns = kBoot;
      settings_.suspended_ns = 0;
      table_ = std::make_unique<ProcessTable>(settings_, host(), [this] { return now_; });
    }
    return *table_;
  }

  // A process that began at `second` after boot and runs a script.
  static FakeProcess python(std::uint32_t tgid, std::uint64_t second, std::string script) {
    return {.tgid = tgid,
            .start_ticks = second * 100,
            .comm = "python3",
            .executable = "python3.11",
            .args = {"python3", std::move(script)}};
  }

  void wait(std::uint64_t seconds) { now_ += seconds * kSecond; }
  void exec(std::uint32_t tgid, std::uint32_t parent, const std::vector<std::string>& args,
            std::string_view comm = "x") {
    ks_exec_event event{};
    event.header = {now_, KS_EVENT_EXEC, sizeof event};
    event.tgid = tgid;
    event.parent_tgid = parent;
    std::memcpy(event.comm, comm.data(), comm.size());
    const std::string bytes = FakeProc::joined(args).substr(0, sizeof event.args);
    std::memcpy(event.args, bytes.data(), bytes.size());
    event.args_bytes = static_cast<ks_u32>(bytes.size());
    event.cgroup = cgroup_;
    table().on_exec(event);
  }
  void fork(std::uint32_t tgid, std::uint32_t parent) {
    table().on_fork({{now_, KS_EVENT_FORK, sizeof(ks_fork_event)}, tgid, parent, cgroup_});
  }
  void exit(std::uint32_t tgid) {
    table().on_exit({{now_, KS_EVENT_EXIT, sizeof(ks_exit_event)}, tgid, 0, cgroup_});
  }
  std::string name(std::uint32_t tgid) { return table().find(tgid).service_name; }
  std::uint64_t failures(ReadFailure reason) {
    return table().counters().read_failures[static_cast<std::size_t>(reason)];
  }
  const ProcessCounters& counters() { return table().counters(); }

  FakeProc proc_;
  ProcessTable::Settings settings_;
  std::uint64_t now_ = 100 * kSecond;
  ks_cgroup cgroup_{};  // of the events that come next
  std::unique_ptr<ProcessTable> table_;
};

TEST_F(ProcessTableTest, TellsAllAboutAProcess) {
  FakeProcess process = python(7, 50, "/srv/shop/app.py");
  process.parent_tgid = 3;
  process.uid = 33;
  process.environment = {
      "OTEL_RESOURCE_ATTRIBUTES=service.version=1.2,service.namespace=store,team=blue"};
  proc_.start(process);
  const ProcessInfo& info = table().find(7);
  EXPECT_EQ(info.tgid, 7U);
  EXPECT_EQ(info.parent_tgid, 3U);
  EXPECT_EQ(info.start_time_unix_ns, kBoot + 50 * kSecond);
  EXPECT_EQ(info.executable_name, "python3.11");
  EXPECT_EQ(info.executable_path, proc_.executable("python3.11"));
  EXPECT_EQ(info.owner, "www-data");
  EXPECT_EQ(info.service_name, "shop");
  EXPECT_EQ(info.service_version, "1.2");
  EXPECT_EQ(info.service_namespace, "store");
  EXPECT_EQ(info.service_instance_id.size(), 36U);
  EXPECT_EQ(info.resource_attributes,
            (std::vector<std::pair<std::string, std::string>>{{"team", "blue"}}));
  EXPECT_EQ(info.runtime, Runtime::kPython);
  EXPECT_TRUE(info.args.empty());
  EXPECT_FALSE(info.degraded);
}

TEST_F(ProcessTableTest, ReadsAProcessOnce) {
  proc_.start(python(7, 50, "shop.py"));
  const ProcessInfo* first = &table().find(7);
  proc_.end(7);
  wait(3600);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(&table().find(7), first);
  EXPECT_EQ(first->service_name, "shop");
  EXPECT_EQ(counters().reads, 1U);
}

TEST_F(ProcessTableTest, KeepsArgumentsOnlyWhenAskedTo) {
  settings_.keep_args = true;
  FakeProcess process = python(7, 50, "shop.py");
  proc_.start(process);
  EXPECT_EQ(table().find(7).args, process.args);
  process.tgid = 8;
  process.args.resize(100, "more");
  proc_.start(process);
  EXPECT_EQ(table().find(8).args.size(), 64U);
  EXPECT_TRUE(table().find(8).args_truncated);
  EXPECT_EQ(counters().truncated_args, 1U);
}

TEST_F(ProcessTableTest, AnExecIsANewProgram) {
  proc_.start(python(7, 50, "shop.py"));
  exec(7, 1, {"python3", "shop.py"});
  const std::uint64_t revision = table().find(7).revision;
  EXPECT_EQ(name(7), "shop");
  proc_.start(python(7, 50, "cart.py"));
  EXPECT_EQ(name(7), "shop");
  exec(7, 1, {"python3", "cart.py"});
  EXPECT_EQ(name(7), "cart");
  EXPECT_NE(table().find(7).revision, revision);
  EXPECT_EQ(counters().pid_reuses, 0U);
}

TEST_F(ProcessTableTest, NamesAShortLivedProcessByItsExec) {
  exec(7, 1, {"python3", "/srv/jobs/report.py"}, "python3");
  const ProcessInfo& info = table().find(7);
  EXPECT_EQ(info.service_name, "report");
  EXPECT_EQ(info.executable_name, "python3");
  EXPECT_EQ(info.parent_tgid, 1U);
  EXPECT_TRUE(info.degraded);
  EXPECT_EQ(counters().degraded_lookups, 1U);
  EXPECT_EQ(failures(ReadFailure::kGone), 1U);
}

TEST_F(ProcessTableTest, DoesNotTrustACutArgument) {
  exec(7, 1, {"python3", "-W", std::string(200, 'w'), "/srv/" + std::string(100, 'x') + ".py"});
  EXPECT_EQ(name(7), "unknown_service:python3");
}

TEST_F(ProcessTableTest, NamesAnUnknownProcess) {
  EXPECT_EQ(name(7), "unknown_service");
  EXPECT_TRUE(table().find(7).degraded);
  EXPECT_EQ(counters().degraded_lookups, 1U);
}

TEST_F(ProcessTableTest, TriesAgainAfterAWhile) {
  EXPECT_EQ(name(7), "unknown_service");
  proc_.start(python(7, 50, "shop.py"));
  EXPECT_EQ(name(7), "unknown_service");
  wait(1);
  EXPECT_EQ(name(7), "shop");
  EXPECT_FALSE(table().find(7).degraded);
}

TEST_F(ProcessTableTest, AForkRunsItsParentsProgram) {
  FakeProcess parent = python(7, 50, "/usr/bin/gunicorn");
  parent.args.push_back("shop:app");
  parent.uid = 0;  // a worker may run as another user
  proc_.start(parent);
  exec(7, 1, parent.args);
  fork(8, 7);
  EXPECT_EQ(name(8), "shop");  // gone already: the parent is read instead
  EXPECT_TRUE(table().find(8).degraded);
  EXPECT_EQ(table().find(8).tgid, 8U);
  EXPECT_EQ(table().find(8).parent_tgid, 7U);
  EXPECT_FALSE(table().find(8).start_time_unix_ns);
  EXPECT_EQ(table().find(8).service_instance_id, "");
  EXPECT_EQ(table().find(8).owner, "");
  EXPECT_EQ(table().find(8).runtime, Runtime::kPython);
}

TEST_F(ProcessTableTest, AForkOfAForkToo) {
  proc_.start(python(7, 50, "shop.py"));
  fork(8, 7);
  fork(9, 8);
  exit(8);
  EXPECT_EQ(name(9), "unknown_service");  // its parent could not be read any more
  EXPECT_EQ(name(7), "shop");
  fork(10, 7);
  fork(11, 10);
  EXPECT_EQ(name(11), "shop");
}

TEST_F(ProcessTableTest, AForkIsNotWhatItsParentBecameLater) {
  proc_.start(python(7, 50, "shop.py"));
  exec(7, 1, {"python3", "shop.py"});
  fork(8, 7);
  proc_.start(python(7, 50, "cart.py"));
  exec(7, 1, {"python3", "cart.py"});
  EXPECT_EQ(name(7), "cart");
  EXPECT_EQ(name(8), "shop");
}

// Titles overwrite the environment: what the exec had is read at the exec, and workers inherit it.
TEST_F(ProcessTableTest, RemembersTheEnvironmentBeforeTheTitle) {
  FakeProcess master = python(7, 50, "/usr/bin/gunicorn");
  master.args.push_back("shop:app");
  master.environment = {"OTEL_SERVICE_NAME=checkout", "OTEL_RESOURCE_ATTRIBUTES=team=blue"};
  proc_.start(master);
  exec(7, 1, master.args);
  EXPECT_EQ(counters().reads, 1U);
  fork(8, 7);
  FakeProcess worker = master;
  worker.tgid = 8;
  worker.start_ticks = 10000;
  worker.args = {"gunicorn: worker [shop:app]"};
  worker.environment = {};
  proc_.start(worker);
  EXPECT_EQ(name(8), "checkout");
  EXPECT_EQ(table().find(8).resource_attributes.size(), 1U);
  EXPECT_FALSE(table().find(8).degraded);
  EXPECT_NE(table().find(8).service_instance_id, table().find(7).service_instance_id);
}

TEST_F(ProcessTableTest, AnOverwrittenTitleFallsBackToTheExec) {
  FakeProcess process = python(7, 50, "ignored");
  process.args = {"busy (3 requests)"};
  proc_.start(process);
  exec(7, 1, {"python3", "/srv/shop/inventory.py"});
  EXPECT_EQ(name(7), "inventory");
}

TEST_F(ProcessTableTest, WorkersOfMultiprocessingBearTheirParentsName) {
  FakeProcess parent = python(7, 50, "/usr/bin/uvicorn");
  parent.args.push_back("shop:app");
  proc_.start(parent);
  FakeProcess worker = parent;
  worker.tgid = 8;
  worker.parent_tgid = 7;
  worker.args = {"python3", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()",
                 "--multiprocessing-fork"};
  proc_.start(worker);
  EXPECT_EQ(name(8), "shop");
  worker.tgid = 9;
  worker.executable = "python3.12";
  proc_.start(worker);
  EXPECT_EQ(name(9), "unknown_service:python3.12");
}

TEST_F(ProcessTableTest, AKernelThreadHasNoExecutable) {
  proc_.start({.tgid = 7, .comm = "kworker/0:1"});
  EXPECT_EQ(name(7), "unknown_service:kworker/0:1");
  EXPECT_TRUE(table().find(7).degraded);
  EXPECT_EQ(failures(ReadFailure::kNoExecutable), 1U);
}

TEST_F(ProcessTableTest, AnEndingProcessKeepsItsName) {
  FakeProcess process = python(7, 50, "shop.py");
  exec(7, 1, process.args, "python3");
  process.executable.clear();
  process.args.clear();
  proc_.start(process);  // a zombie: nothing but its numbers
  EXPECT_EQ(name(7), "shop");
  EXPECT_EQ(counters().degraded_lookups, 1U);
  process = python(8, 50, "cart.py");
  proc_.start(process);
  EXPECT_EQ(name(8), "cart");
  fork(9, 8);
  process.tgid = 9;
  process.start_ticks = 10000;
  process.executable.clear();
  process.args.clear();
  proc_.start(process);  // of a worker: the program's name is known
  EXPECT_EQ(name(9), "cart");
  EXPECT_EQ(table().find(9).owner, "");
  EXPECT_EQ(counters().degraded_lookups, 2U);
}

TEST_F(ProcessTableTest, AnExitedProcessLingers) {
  proc_.start(python(7, 50, "shop.py"));
  EXPECT_EQ(name(7), "shop");
  proc_.end(7);
  exit(7);
  wait(59);
  table().sweep(now_);
  EXPECT_EQ(name(7), "shop");
  EXPECT_EQ(table().size(), 1U);
  wait(1);
  table().sweep(now_);
  EXPECT_EQ(table().size(), 0U);
  EXPECT_EQ(counters().expired, 1U);
}

TEST_F(ProcessTableTest, ANumberUsedAgainIsAnotherProcess) {
  proc_.start(python(7, 50, "shop.py"));
  EXPECT_EQ(name(7), "shop");
  exit(7);
  wait(2);
  proc_.start(python(7, 101, "cart.py"));
  fork(7, 1);
  EXPECT_EQ(name(7), "cart");
}

TEST_F(ProcessTableTest, ANumberUsedAgainWithoutAFork) {
  proc_.start(python(7, 50, "shop.py"));
  EXPECT_EQ(name(7), "shop");
  exit(7);
  EXPECT_EQ(name(7), "shop");
  wait(2);
  proc_.start(python(7, 101, "cart.py"));
  EXPECT_EQ(name(7), "cart");
  EXPECT_EQ(counters().pid_reuses, 1U);
}

TEST_F(ProcessTableTest, ANumberUsedAgainBeforeItWasRead) {
  exec(7, 1, {"python3", "shop.py"});
  wait(5);
  proc_.start(python(7, 104, "cart.py"));  // began after the exec that was seen
  EXPECT_EQ(name(7), "cart");
  EXPECT_EQ(counters().pid_reuses, 1U);
}

TEST_F(ProcessTableTest, AnExitedProcessIsNotTheOneThatFollowedIt) {
  exec(7, 1, {"python3", "shop.py"});
  exit(7);
  proc_.start(python(7, 100, "cart.py"));  // in the very tick of the exit
  EXPECT_EQ(name(7), "shop");
}

TEST_F(ProcessTableTest, SweepFindsMissedExits) {
  proc_.start(python(7, 50, "shop.py"));
  proc_.start(python(8, 50, "cart.py"));
  proc_.start(python(9, 50, "lives.py"));
  for (const std::uint32_t tgid : {7U, 8U, 9U}) table().find(tgid);
  proc_.end(7);
  wait(10);
  proc_.start(python(8, 105, "other.py"));
  table().sweep(now_);
  EXPECT_EQ(counters().missed_exits, 0U);  // not due yet
  wait(20);
  table().sweep(now_);
  EXPECT_EQ(counters().missed_exits, 1U);
  EXPECT_EQ(counters().pid_reuses, 1U);
  EXPECT_EQ(name(7), "shop");
  EXPECT_EQ(name(8), "other");
  EXPECT_EQ(name(9), "lives");
  wait(60);
  table().sweep(now_);
  EXPECT_EQ(table().size(), 2U);
}

TEST_F(ProcessTableTest, SweepChecksAFewAtATime) {
  settings_.rechecks_per_sweep = 10;
  for (std::uint32_t tgid = 1; tgid <= 30; ++tgid) table().find(tgid);
  wait(30);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    table().sweep(now_);
    EXPECT_EQ(counters().missed_exits, 10 * round);
  }
}

TEST_F(ProcessTableTest, EvictsTheUnusedFirst) {
  settings_.max_processes = 64;
  for (std::uint32_t tgid = 1; tgid <= 20; ++tgid) table().find(tgid);
  for (std::uint32_t tgid = 101; tgid <= 140; ++tgid) exec(tgid, 1, {"x"});
  const ProcessInfo* used = &table().find(1);
  for (std::uint32_t tgid = 201; tgid <= 230; ++tgid) table().find(tgid);
  EXPECT_LE(table().size(), 64U);
  EXPECT_EQ(&table().find(1), used);
  EXPECT_GE(counters().evicted_live, 26U);
  EXPECT_EQ(counters().evicted_exited, 0U);
}

TEST_F(ProcessTableTest, ShortLivedProcessesLeaveNothingBehind) {
  std::size_t largest = 0;
  // Five minutes of 2,000 processes each, every hundredth with a socket.
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const std::uint32_t tgid = 1000 + i;
    fork(tgid, 7);
    exec(tgid, 7, {"true", "x"});
    if (i % 100 == 0) table().find(tgid);
    exit(tgid);
    now_ += 60 * kSecond / 2000;
    if (i % 33 == 0) table().sweep(now_);
    largest = std::max(largest, table().size());
  }
  EXPECT_LE(largest, 2100U);
  wait(61);
  table().sweep(now_);
  EXPECT_LE(table().size(), 1U);  // the parent
  EXPECT_EQ(counters().evicted_exited + counters().evicted_live, 0U);
}

TEST_F(ProcessTableTest, IsBoundedWithoutAnyExit) {
  settings_.max_processes = 100;
  for (std::uint32_t tgid = 1; tgid < 5000; ++tgid) {
    fork(tgid, tgid - 1);
    if (tgid % 3 == 0) table().find(tgid);
    ASSERT_LE(table().size(), 100U);
  }
  EXPECT_EQ(counters().evicted_exited, 0U);
  EXPECT_GE(counters().evicted_live + table().size(), 5000U);
}

TEST_F(ProcessTableTest, CountsBrokenRecords) {
  ks_exec_event event{};
  event.tgid = 7;
  event.args_bytes = KS_ARGS_BYTES_MAX + 1;
  std::memcpy(event.comm, "sixteen bytes...", 16);
  table().on_exec(event);
  EXPECT_EQ(counters().malformed_events, 1U);
  EXPECT_EQ(name(7), "unknown_service:sixteen bytes...");
}

TEST_F(ProcessTableTest, CountsBrokenAttributes) {
  FakeProcess process = python(7, 50, "shop.py");
  process.environment = {"OTEL_RESOURCE_ATTRIBUTES=service.name"};
  proc_.start(process);
  EXPECT_EQ(name(7), "shop");
  EXPECT_EQ(counters().invalid_resource_attributes, 1U);
}

TEST_F(ProcessTableTest, RevisionsAreNeverUsedTwice) {
  std::set<std::uint64_t> revisions;
  for (std::uint32_t tgid = 1; tgid <= 50; ++tgid) {
    exec(tgid, 1, {"x"});
    EXPECT_TRUE(revisions.insert(table().find(tgid).revision).second);
    exec(tgid, 1, {"y"});
    EXPECT_TRUE(revisions.insert(table().find(tgid).revision).second);
  }
}

// --- containers ---

const std::string kContainerA(64, 'a');
const std::string kContainerB(64, 'b');

std::string cgroup_path(const std::string& container) {
  return "/kubepods/burstable/pod6a4ce4a0-ba47-11ea-b2a7-0cc47ac5979e/" + container;
}

class ProcessContainerTest : public ProcessTableTest {
 protected:
  // /proc/<tgid>/cgroup of a process that runs.
  void put(std::uint32_t tgid, const std::string& path) {
    FakeProc::write(proc_.folder(tgid) / "cgroup", "4:memory:" + path + "\n0::/\n");
  }
  void cgroup_event(std::uint64_t id, std::uint32_t tgid, const std::string& path,
                    bool is_cut = false) {
    ks_cgroup_event event{};
    event.header = {now_, KS_EVENT_CGROUP, sizeof event};
    event.cgroup = {.id = id, .hierarchy = 4, .reserved = 0};
    event.tgid = tgid;
    table().on_cgroup(event, path, is_cut);
  }
  void make(std::uint64_t id, const std::string& path) { cgroup_event(id, 0, path); }
  void move(std::uint32_t tgid, std::uint64_t id, const std::string& path) {
    cgroup_event(id, tgid, path);
  }
  // The cgroup that the next events say.
  void in(std::uint64_t id) { cgroup_ = {.id = id, .hierarchy = 4, .reserved = 0}; }
  std::string container(std::uint32_t tgid) { return table().find(tgid).container.container_id; }
};

TEST_F(ProcessContainerTest, IsReadWithTheProcess) {
  proc_.start(python(7, 50, "/srv/shop/app.py"));
  put(7, cgroup_path(kContainerA));
  EXPECT_EQ(container(7), kContainerA);
  EXPECT_EQ(table().find(7).container.pod_uid, "6a4ce4a0-ba47-11ea-b2a7-0cc47ac5979e");
  proc_.start(python(8, 50, "/srv/shop/app.py"));
  put(8, "/system.slice/shop.service");
  EXPECT_EQ(container(8), "") << "a program of the node itself";
}

TEST_F(ProcessContainerTest, OfAProcessThatIsGoneTheExecSaysIt) {
  make(31, cgroup_path(kContainerA));
  in(31);
  exec(7, 1, {"/usr/bin/curl", "http://shop/"}, "curl");
  EXPECT_EQ(container(7), kContainerA);
  EXPECT_TRUE(table().find(7).degraded);
}

TEST_F(ProcessContainerTest, OfAForkThatIsGoneTheForkSaysIt) {
  make(31, cgroup_path(kContainerA));
  fork(7, 3);
  in(31);
  fork(8, 3);
  EXPECT_EQ(container(7), "");
  EXPECT_EQ(container(8), kContainerA);
}

TEST_F(ProcessContainerTest, TheExitSaysItOfAProcessOlderThanTheAgent) {
  make(31, cgroup_path(kContainerA));
  fork(7, 3);  // enters it, without a cgroup
  in(31);
  exit(7);
  EXPECT_EQ(container(7), kContainerA);
}

TEST_F(ProcessContainerTest, MovedAfterItWasLookedAt) {
  proc_.start(python(7, 50, "/srv/shop/app.py"));
  put(7, "/system.slice/containerd.service");
  EXPECT_EQ(container(7), "");
  const std::uint64_t revision = table().find(7).revision;
  put(7, cgroup_path(kContainerA));
  EXPECT_EQ(container(7), "") << "nobody has said so";
  move(7, 31, cgroup_path(kContainerA));
  EXPECT_EQ(container(7), kContainerA);
  EXPECT_NE(table().find(7).revision, revision);
  EXPECT_EQ(counters().container_changes, 1u);
  EXPECT_EQ(name(7), "shop");
}

TEST_F(ProcessContainerTest, MovedAndGone) {
  proc_.start(python(7, 50, "/srv/shop/app.py"));
  put(7, "/system.slice/containerd.service");
  EXPECT_EQ(container(7), "");
  move(7, 31, cgroup_path(kContainerA));
  proc_.end(7);
  in(31);
  exit(7);
  EXPECT_EQ(container(7), kContainerA);
  EXPECT_EQ(name(7), "shop");
}

TEST_F(ProcessContainerTest, AnEndingProcessIsShownInTheRoot) {
  make(31, cgroup_path(kContainerA));
  in(31);
  exec(7, 1, {"/usr/bin/curl"}, "curl");
  proc_.start(python(7, 50, "/srv/shop/app.py"));
  put(7, "/");
  EXPECT_EQ(container(7), kContainerA);
}

TEST_F(ProcessContainerTest, ANewProgramIsLookedAtAnew) {
  proc_.start(python(7, 50, "/srv/shop/app.py"));
  put(7, cgroup_path(kContainerA));
  EXPECT_EQ(container(7), kContainerA);
  put(7, cgroup_path(kContainerB));
  exec(7, 1, {"python3", "/srv/shop/app.py"});
  EXPECT_EQ(container(7), kContainerB);
}

TEST_F(ProcessContainerTest, TwoContainersOfOneProgram) {
  make(31, cgroup_path(kContainerA));
  make(32, cgroup_path(kContainerB));
  in(31);
  fork(7, 3);
  in(32);
  fork(8, 3);
  EXPECT_EQ(container(7), kContainerA);
  EXPECT_EQ(container(8), kContainerB);
}

TEST_F(ProcessContainerTest, APathThatWasCutIsNotBelieved) {
  cgroup_event(31, 0, cgroup_path(kContainerA), true);
  in(31);
  exec(7, 1, {"/usr/bin/curl"}, "curl");
  EXPECT_EQ(container(7), "");
  EXPECT_EQ(counters().cgroup_paths_cut, 1u);
}

TEST_F(ProcessContainerTest, ASweepSeesMovesThatNobodyTold) {
  proc_.start(python(7, 50, "/srv/shop/app.py"));
  put(7, "/");
  EXPECT_EQ(container(7), "");
  put(7, cgroup_path(kContainerA));
  wait(60);
  table().sweep(now_);
  EXPECT_EQ(container(7), kContainerA);
}

}  // namespace
}  // namespace kernspan::process
