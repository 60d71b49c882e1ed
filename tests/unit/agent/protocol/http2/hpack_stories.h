// The stories of hpack-test-case: blocks that one encoder made of one sequence of header lists.
// They are not part of this tree: the folder is ../shared/vectors/hpack beside the source root, or
// hpack/ in $KERNSPAN_SHARED_VECTORS.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kernspan::http2 {

struct StoryBlock {
  std::optional<std::uint32_t> header_table_size;  // SETTINGS that arrive before the block
  std::string wire;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct Story {
  std::string name;  // encoder/file
  std::vector<StoryBlock> blocks;
};

std::filesystem::path hpack_stories_folder();
// In the order of their names.
std::vector<Story> load_hpack_stories(const std::filesystem::path& folder);

}  // namespace kernspan::http2
