#include "tests/unit/agent/protocol/http2/hpack_stories.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace kernspan::http2 {
namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

Story load_story(const std::filesystem::path& file) {
  std::ifstream in(file);
  const nlohmann::json json = nlohmann::json::parse(in);
  Story story{.name = file.parent_path().filename().string() + "/" + file.filename().string(),
              .blocks = {}};
  for (const nlohmann::json& one : json.at("cases")) {
    StoryBlock block;
    if (one.contains("header_table_size")) {
      block.header_table_size = one.at("header_table_size").get<std::uint32_t>();
    }
    block.wire = from_hex(one.at("wire").get<std::string>());
    for (const nlohmann::json& header : one.at("headers")) {
      for (const auto& [name, value] : header.items()) {
        block.headers.emplace_back(name, value.get<std::string>());
      }
    }
    story.blocks.push_back(std::move(block));
  }
  return story;
}

}  // namespace

std::filesystem::path hpack_stories_folder() {
  const char* shared = std::getenv("KERNSPAN_SHARED_VECTORS");
  const std::filesystem::path root =
      shared != nullptr ? shared : KERNSPAN_SOURCE_DIR "/../shared/vectors";
  return root / "hpack";
}

std::vector<Story> load_hpack_stories(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Story> stories;
  for (const std::filesystem::path& file : files) stories.push_back(load_story(file));
  return stories;
}

}  // namespace kernspan::http2
