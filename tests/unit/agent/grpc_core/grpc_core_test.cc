// Which builds of gRPC's C core are known, and which processes are probed for how long.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/golang/descriptor.h"
#include "agent/grpc_core/old_process_watch.h"
#include "tests/unit/agent/process/elf_file.h"

namespace kernspan::grpc_core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libgrpc.so.29";
const std::string kNoteHead("\4\0\0\0\24\0\0\0\3\0\0\0GNU\0", 16);

// A file for this processor with one section.
std::string file_with(const std::string& section, const std::string& contents) {
  std::string file = process::elf_file({{section, contents}});
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  header.e_machine = EM_X86_64;
  header.e_phentsize = sizeof(Elf64_Phdr);
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

// The library that the programs here are linked to.
class InstalledLibraryTest : public testing::Test {
 protected:
  InstalledLibraryTest() : handle_(dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL)) {}
  ~InstalledLibraryTest() override {
    if (handle_ != nullptr) dlclose(handle_);
  }
  void SetUp() override {
    if (handle_ == nullptr) GTEST_SKIP() << kLibrary << " is not installed";
    ASSERT_EQ(dlinfo(handle_, RTLD_DI_LINKMAP, &map_), 0);
  }
  std::uint64_t linked_address(const char* symbol) const {
    const auto address = reinterpret_cast<std::uint64_t>(dlsym(handle_, symbol));
    return address == 0 ? 0 : address - map_->l_addr;
  }

  void* handle_;
  link_map* map_ = nullptr;
};

TEST_F(InstalledLibraryTest, ItsPointsAreTheFunctionsThatTheyAreMeantToBe) {
  const golang::Descriptor file(map_->l_name);
  const auto library = inspect_library(file.get());
  if (!library) GTEST_SKIP() << "another build of libgrpc.so.29 than Debian 12's";
  EXPECT_EQ(library->layout.client_point,
            linked_address("_ZN9grpc_core15HPackCompressor6Framer6EncodeENS_16HttpPathMetadataE"
                           "RKNS_5SliceE"));
  EXPECT_EQ(library->layout.server_point,
            linked_address("_Z48grpc_chttp2_maybe_complete_recv_initial_metadataP21"
                           "grpc_chttp2_transportP18grpc_chttp2_stream"));
  // grpc_tcp_fd() compares an endpoint's table with that of TCP: lea displacement(%rip), %rax.
  const auto code =
      reinterpret_cast<const unsigned char*>(dlsym(handle_, "_Z11grpc_tcp_fdP13grpc_endpoint"));
  ASSERT_NE(code, nullptr);
  constexpr unsigned char kLea[] = {0x48, 0x8d, 0x05};
  ASSERT_TRUE(std::equal(std::begin(kLea), std::end(kLea), code));
  std::int32_t displacement = 0;
  std::memcpy(&displacement, code + 3, sizeof displacement);
  EXPECT_EQ(reinterpret_cast<std::uint64_t>(code) + 7 + static_cast<std::uint64_t>(displacement) -
                map_->l_addr,
            library->layout.tcp_functions);
}

// Counts what is attached now.
class FakeAttacher final : public ProbeAttacher {
 public:
  Result<std::unique_ptr<AttachedProbes>> attach(const std::string&, std::uint32_t tgid,
                                                 const Library&) override {
    if (fails) return permanent("the kernel says no");
    return std::make_unique<Probes>(attached, tgid);
  }

  bool fails = false;
  std::vector<std::uint32_t> attached;

 private:
  class Probes final : public AttachedProbes {
   public:
    Probes(std::vector<std::uint32_t>& all, std::uint32_t tgid) : all_(all), tgid_(tgid) {
      all_.push_back(tgid);
    }
    ~Probes() override { std::erase(all_, tgid_); }

   private:
    std::vector<std::uint32_t>& all_;
    const std::uint32_t tgid_;
  };
};

// A folder like /proc whose processes have mapped a library, and have sockets.
class OldProcessesTest : public testing::Test {
 protected:
  OldProcessesTest() {
    std::string pattern = fs::temp_directory_path() / "kernspan-core-XXXXXX";
    root_ = mkdtemp(pattern.data());
    settings_.proc_root = root_;
    settings_.probed_max = 2;
  }
  ~OldProcessesTest() override { fs::remove_all(root_); }

  void run(std::uint32_t tgid, const std::string& library, const std::string& access = "r-xp",
           const std::string& name = "shop") {
    const fs::path process = root_ / std::to_string(tgid);
    for (const char* folder : {"fd", "ns", "net", "root"}) fs::create_directories(process / folder);
    fs::create_symlink("/bin/" + name, process / "exe");
    fs::create_symlink("net:[1]", process / "ns" / "net");
    std::ofstream(process / "net" / "tcp")
        << "  sl  local rem st\n"
           "   0: 0100007F:1 0100007F:2 01 0:0 00:0 0  0  0 4711 1\n"
           "   1: 0100007F:3 0000000:0 0A 0:0 00:0 0  0  0 4712 1\n"
           "   2: 0100007F:4 0100007F:5 01 0:0 00:0 0  0  0 4713 1\n";
    std::ofstream(process / "maps")
        << "55d0-55d1 r-xp 00000000 00:1f 7    /bin/shop\n"
        << "7f00-7f10 " << access << " 0016b000 00:1f 8    " << library << '\n';
  }
  // Not a library: its build id alone.
  void install(std::uint32_t tgid, const std::string& library, const std::string& build_id) {
    const fs::path file = root_ / std::to_string(tgid) / "root" / fs::path(library).relative_path();
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << file_with(".note.gnu.build-id", kNoteHead + build_id);
  }
  // In place of the fake one, the real library: only it can be probed.
  bool install_real(std::uint32_t tgid, const std::string& library) {
    void* handle = dlopen(kLibrary, RTLD_LAZY | RTLD_LOCAL);
    link_map* map = nullptr;
    if (handle == nullptr || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) return false;
    const fs::path file = root_ / std::to_string(tgid) / "root" / fs::path(library).relative_path();
    fs::create_directories(file.parent_path());
    fs::create_symlink(fs::canonical(map->l_name), file);
    const golang::Descriptor opened(file.string());
    const bool is_known = inspect_library(opened.get()).has_value();
    dlclose(handle);
    return is_known;
  }
  void open_socket(std::uint32_t tgid, int number, std::uint64_t inode) {
    fs::create_symlink("socket:[" + std::to_string(inode) + "]",
                       root_ / std::to_string(tgid) / "fd" / std::to_string(number));
  }
  void close_socket(std::uint32_t tgid, int number) {
    fs::remove(root_ / std::to_string(tgid) / "fd" / std::to_string(number));
  }
  OldProcesses make() {
    return {settings_, attacher_, [this](std::string_view line) { log_.emplace_back(line); }};
  }
  std::uint64_t refused(const OldProcesses& processes, Refusal why) {
    return processes.counters().refused[static_cast<std::size_t>(why)];
  }

  static constexpr const char* kPath = "/usr/lib/libgrpc.so.29.0.0";
  fs::path root_;
  OldProcesses::Settings settings_;
  FakeAttacher attacher_;
  std::vector<std::string> log_;
};

TEST_F(OldProcessesTest, ProbesWhileAConnectionOfBeforeIsOpen) {
  run(10, kPath);
  if (!install_real(10, kPath)) GTEST_SKIP() << "no known build of " << kLibrary << " is installed";
  open_socket(10, 5, 4711);
  open_socket(10, 6, 4713);
  OldProcesses processes = make();
  processes.look_around();
  EXPECT_EQ(attacher_.attached, std::vector<std::uint32_t>{10});
  // A younger connection does not count.
  open_socket(10, 7, 9999);
  close_socket(10, 5);
  processes.recheck();
  EXPECT_EQ(processes.probed(), 1u);
  close_socket(10, 6);
  processes.recheck();
  EXPECT_EQ(attacher_.attached, std::vector<std::uint32_t>{});
  EXPECT_EQ(processes.counters().attached, 1u);
  EXPECT_EQ(processes.counters().detached, 1u);
}

TEST_F(OldProcessesTest, WithoutConnectionsOrTheLibraryNobodyIsLookedAt) {
  run(10, kPath);
  open_socket(10, 5, 4712);  // it listens
  run(11, "/usr/lib/libgrpcpp.so.1");
  open_socket(11, 5, 4711);
  run(12, kPath, "r--p");
  open_socket(12, 5, 4711);
  run(13, kPath, "r-xp", "kernspan-gateway");
  open_socket(13, 5, 4711);
  settings_.is_traced = [](std::string_view name) { return name != "kernspan-gateway"; };
  OldProcesses processes = make();
  processes.look_around();
  EXPECT_TRUE(attacher_.attached.empty());
  EXPECT_TRUE(log_.empty());
}

TEST_F(OldProcessesTest, RefusesOtherBuildsByName) {
  run(10, kPath);
  install(10, kPath, std::string(20, '\x5a'));
  open_socket(10, 5, 4711);
  run(11, kPath);  // the file is not there
  open_socket(11, 5, 4711);
  run(12, std::string(kPath) + " (deleted)");  // another one is
  install(12, kPath, std::string(20, '\x5a'));
  open_socket(12, 5, 4711);
  OldProcesses processes = make();
  processes.look_around();
  EXPECT_TRUE(attacher_.attached.empty());
  EXPECT_EQ(refused(processes, Refusal::kUnknownBuild), 1u);
  EXPECT_EQ(refused(processes, Refusal::kUnreadable), 2u);
  EXPECT_EQ(log_.size(), 3u);
}

TEST_F(OldProcessesTest, CountsFailuresAndHasALimit) {
  for (const std::uint32_t tgid : {10u, 11u, 12u}) {
    run(tgid, kPath);
    open_socket(tgid, 5, 4711);
    if (!install_real(tgid, kPath)) GTEST_SKIP() << "no known build of " << kLibrary;
  }
  OldProcesses limited = make();
  limited.look_around();
  EXPECT_EQ(limited.probed(), 2u);
  EXPECT_EQ(limited.counters().process_limit, 1u);
  attacher_.fails = true;
  OldProcesses failing = make();
  failing.look_around();
  EXPECT_EQ(failing.probed(), 0u);
  EXPECT_EQ(failing.counters().attach_failed, 3u);
}

// A note that is shorter than its head, and one of another form than is usual, are no build that is known.
TEST(LibraryTest, BrokenFilesAreRefused) {
  std::string pattern = fs::temp_directory_path() / "kernspan-core-XXXXXX";
  const fs::path folder = mkdtemp(pattern.data());
  const auto refusal_of = [&](const std::string& bytes) {
    std::ofstream(folder / "lib", std::ios::binary) << bytes;
    const golang::Descriptor file((folder / "lib").string());
    const auto library = inspect_library(file.get());
    return library ? std::string_view("none") : refusal_name(library.error());
  };
  const std::string whole = file_with(".note.gnu.build-id", kNoteHead);
  EXPECT_EQ(refusal_of(""), "unreadable");
  EXPECT_EQ(refusal_of(whole.substr(0, whole.size() / 2)), "unreadable");
  EXPECT_EQ(refusal_of(whole), "unknown_build");
  EXPECT_EQ(refusal_of(file_with(".note.gnu.build-id", "GNU")), "unknown_build");
  EXPECT_EQ(refusal_of(file_with(".text", "x")), "unknown_build");
  fs::remove_all(folder);
}

}  // namespace
}  // namespace kernspan::grpc_core
