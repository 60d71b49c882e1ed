#include "pipeline/extensions/file_storage/page_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace kernspan::storage {
namespace {

constexpr std::uint16_t kBranch = 0x01;
constexpr std::uint16_t kLeaf = 0x02;
constexpr std::uint16_t kOverflow = 0x04;
constexpr std::uint16_t kMeta = 0x08;
constexpr std::uint16_t kBigValue = 0x01;  // of a node: its value is in overflow pages

constexpr std::uint32_t kMagic = 0xBEEFC0DE;
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMetaBytes = kPageHeaderBytes + 136;
constexpr std::size_t kNodeHeaderBytes = 8;
constexpr std::uint32_t kMinPageBytes = 512;
constexpr std::uint32_t kMaxPageBytes = 0x8000;

template <typename T>
T load(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TreeInfo load_tree(std::string_view bytes, std::size_t offset) {
  return {.pad = load<std::uint32_t>(bytes, offset),
          .flags = load<std::uint16_t>(bytes, offset + 4),
          .depth = load<std::uint16_t>(bytes, offset + 6),
          .branch_pages = load<std::uint64_t>(bytes, offset + 8),
          .leaf_pages = load<std::uint64_t>(bytes, offset + 16),
          .overflow_pages = load<std::uint64_t>(bytes, offset + 24),
          .entries = load<std::uint64_t>(bytes, offset + 32),
          .root = load<std::uint64_t>(bytes, offset + 40)};
}

std::unexpected<Error> bad_page(std::uint64_t number, std::string_view what) {
  return permanent(fmt::format("page {} {}", number, what));
}

// The node's bytes begin at `offset`; nothing when they do not end within the page.
std::optional<std::size_t> parse_node(std::string_view page, std::size_t offset, bool leaf,
                                      PageNode& node) {
  if (offset + kNodeHeaderBytes > page.size()) return std::nullopt;
  const auto low = load<std::uint16_t>(page, offset);
  const auto high = load<std::uint16_t>(page, offset + 2);
  const auto flags = load<std::uint16_t>(page, offset + 4);
  const auto key_bytes = load<std::uint16_t>(page, offset + 6);
  const std::size_t value_at = offset + kNodeHeaderBytes + key_bytes;
  if (value_at > page.size()) return std::nullopt;
  node.key = page.substr(offset + kNodeHeaderBytes, key_bytes);
  if (!leaf) {
    node.child = low | std::uint64_t{high} << 16 | std::uint64_t{flags} << 32;
    return value_at;
  }
  node.value_bytes = low | std::uint64_t{high} << 16;
  if (flags == kBigValue) {
    if (value_at + sizeof(std::uint64_t) > page.size()) return std::nullopt;
    node.overflow_page = load<std::uint64_t>(page, value_at);
    if (node.overflow_page < kFirstDataPage) return std::nullopt;
    return value_at + sizeof(std::uint64_t);
  }
  if (flags != 0 || node.value_bytes > page.size() - value_at) return std::nullopt;
  node.value = page.substr(value_at, node.value_bytes);
  return value_at + node.value_bytes;
}

}  // namespace

Result<TreePage> parse_tree_page(std::string_view bytes, std::uint64_t number) {
  if (load<std::uint64_t>(bytes, 0) != number) return bad_page(number, "has another's number");
  const auto flags = load<std::uint16_t>(bytes, 10);
  if (flags != kBranch && flags != kLeaf) return bad_page(number, "is no page of a tree");
  const std::size_t lower = load<std::uint16_t>(bytes, 12);
  const std::size_t upper = load<std::uint16_t>(bytes, 14);
  if (lower < kPageHeaderBytes || lower % 2 != 0 || upper % 2 != 0 || lower > upper ||
      upper > bytes.size()) {
    return bad_page(number, "has impossible bounds");
  }
  TreePage page{.is_leaf = flags == kLeaf, .nodes = {}};
  page.nodes.resize((lower - kPageHeaderBytes) / 2);
  // A branch of one child and an empty leaf are merged away when they come about.
  if (page.nodes.size() < (page.is_leaf ? 1U : 2U)) return bad_page(number, "has too few nodes");

  std::vector<std::pair<std::size_t, std::size_t>> extents;  // of the nodes: begin, end
  extents.reserve(page.nodes.size());
  for (std::size_t i = 0; i < page.nodes.size(); ++i) {
    const std::size_t offset = load<std::uint16_t>(bytes, kPageHeaderBytes + 2 * i);
    const auto end = parse_node(bytes, offset, page.is_leaf, page.nodes[i]);
    if (!end) return bad_page(number, "has a node that does not fit it");
    extents.emplace_back(offset, *end + *end % 2);
  }
  // Nodes fill the page from `upper` to its end. LMDB moves them by this rule, so that one in the
  // wrong place would make it write outside the page.
  std::ranges::sort(extents);
  std::size_t next = upper;
  for (const auto& [begin, end] : extents) {
    if (begin != next) return bad_page(number, "has nodes that overlap or leave gaps");
    next = end;
  }
  if (next != bytes.size()) return bad_page(number, "has nodes that overlap or leave gaps");
  return page;
}

std::vector<PageNode> whole_leaf_nodes(std::string_view bytes) {
  std::vector<PageNode> nodes;
  if (load<std::uint16_t>(bytes, 10) != kLeaf) return nodes;
  const std::size_t lower =
      std::min<std::size_t>(load<std::uint16_t>(bytes, 12), bytes.size() - bytes.size() % 2);
  for (std::size_t at = kPageHeaderBytes; at + 2 <= lower; at += 2) {
    PageNode node;
    if (parse_node(bytes, load<std::uint16_t>(bytes, at), true, node)) nodes.push_back(node);
  }
  return nodes;
}

bool is_overflow_header(std::span<const char, kPageHeaderBytes> header, std::uint64_t number,
                        std::uint64_t pages_min, std::uint64_t* pages) {
  const std::string_view bytes(header.data(), header.size());
  *pages = load<std::uint32_t>(bytes, 12);
  return load<std::uint64_t>(bytes, 0) == number && load<std::uint16_t>(bytes, 10) == kOverflow &&
         *pages >= pages_min;
}

Result<PageFile> PageFile::open(const std::string& path) {
  PageFile file;
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (file.fd_ < 0 || ::fstat(file.fd_, &status) != 0) {
    return permanent(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  file.file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  file.metas_[0] = file.read_meta(0, 0);
  file.page_bytes_ =
      file.metas_[0] ? file.metas_[0]->page_bytes
                     : std::min(static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)), kMaxPageBytes);
  file.metas_[1] = file.read_meta(file.page_bytes_, 1);
  if (file.metas_[1] && file.metas_[1]->page_bytes != file.page_bytes_) file.metas_[1].reset();
  return file;
}

PageFile::PageFile(PageFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      file_bytes_(other.file_bytes_),
      page_bytes_(other.page_bytes_),
      metas_(other.metas_) {}

PageFile::~PageFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status PageFile::read(std::uint64_t offset, std::span<char> bytes) const {
  if (offset > file_bytes_ || bytes.size() > file_bytes_ - offset) {
    return permanent("the file is shorter than it says");
  }
  while (!bytes.empty()) {
    const ssize_t got = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return permanent(fmt::format("reading at {} failed: {}", offset,
                                   got == 0 ? "end of file" : std::strerror(errno)));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Status PageFile::read_page(std::uint64_t number, std::vector<char>& bytes) const {
  if (number >= page_count()) return bad_page(number, "lies behind the end of the file");
  bytes.resize(page_bytes_);
  return read(number * page_bytes_, bytes);
}

std::optional<FileMeta> PageFile::read_meta(std::uint64_t offset, std::uint64_t number) const {
  std::array<char, kMetaBytes> buffer;
  if (!read(offset, buffer)) return std::nullopt;
  const std::string_view bytes(buffer.data(), buffer.size());
  constexpr std::size_t kMetaAt = kPageHeaderBytes;
  if (load<std::uint64_t>(bytes, 0) != number || load<std::uint16_t>(bytes, 10) != kMeta ||
      load<std::uint32_t>(bytes, kMetaAt) != kMagic ||
      load<std::uint32_t>(bytes, kMetaAt + 4) != kVersion) {
    return std::nullopt;
  }
  const FileMeta meta{.page_bytes = load<std::uint32_t>(bytes, kMetaAt + 24),
                      .free_pages = load_tree(bytes, kMetaAt + 24),
                      .records = load_tree(bytes, kMetaAt + 72),
                      .last_page = load<std::uint64_t>(bytes, kMetaAt + 120),
                      .transaction = load<std::uint64_t>(bytes, kMetaAt + 128)};
  if (!std::has_single_bit(meta.page_bytes) || meta.page_bytes < kMinPageBytes ||
      meta.page_bytes > kMaxPageBytes) {
    return std::nullopt;
  }
  return meta;
}

}  // namespace kernspan::storage
