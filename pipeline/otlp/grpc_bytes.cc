#include "pipeline/otlp/grpc_bytes.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernspan::otlp {
namespace {

std::string_view view(const grpc::Slice& piece) {
  return {reinterpret_cast<const char*>(piece.begin()), piece.size()};
}

std::vector<grpc::Slice> pieces_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> pieces;
  if (!buffer.Valid() || !buffer.Dump(&pieces).ok()) pieces.clear();
  return pieces;
}

std::size_t size_of(const std::vector<grpc::Slice>& pieces) {
  std::size_t size = 0;
  for (const grpc::Slice& piece : pieces) size += piece.size();
  return size;
}

// The two bytes that tell may be in two pieces.
bool begins_like_gzip(const std::vector<grpc::Slice>& pieces) {
  std::string front;
  for (const grpc::Slice& piece : pieces) {
    front += view(piece).substr(0, 2);
    if (front.size() >= 2) break;
  }
  return is_gzip(front);
}

// A piece may keep a read buffer of 64 KiB alive, and costs some 100 bytes itself: a small message is
// copied, and one that a peer has sent in tiny frames.
bool is_worth_sharing(const std::vector<grpc::Slice>& pieces) {
  constexpr std::size_t kMinMessage = 128 << 10;
  constexpr std::size_t kMinAverage = 2 << 10;
  const std::size_t size = size_of(pieces);
  return size >= kMinMessage && size / pieces.size() >= kMinAverage;
}

std::vector<Slice> share(const std::vector<grpc::Slice>& pieces) {
  std::vector<Slice> slices;
  slices.reserve(pieces.size());
  for (const grpc::Slice& piece : pieces) {
    auto owner = std::make_shared<const grpc::Slice>(piece);
    const std::string_view bytes = view(*owner);  // a short piece lies in the object itself
    slices.emplace_back(std::move(owner), bytes);
  }
  return slices;
}

Slice join(const std::vector<grpc::Slice>& pieces) {
  std::string bytes;
  bytes.reserve(size_of(pieces));
  for (const grpc::Slice& piece : pieces) bytes += view(piece);
  return Slice(std::move(bytes));
}

}  // namespace

Slice to_slice(const grpc::ByteBuffer& buffer) {
  return join(pieces_of(buffer));
}

std::expected<std::vector<Slice>, GunzipError> to_inflated_slices(const grpc::ByteBuffer& buffer,
                                                                  std::size_t max_bytes) {
  const std::vector<grpc::Slice> pieces = pieces_of(buffer);
  if (!begins_like_gzip(pieces)) {
    return is_worth_sharing(pieces) ? share(pieces) : std::vector<Slice>{join(pieces)};
  }
  std::vector<std::string_view> views;
  views.reserve(pieces.size());
  for (const grpc::Slice& piece : pieces) views.push_back(view(piece));
  auto inflated = gunzip(views, max_bytes);
  if (!inflated) return std::unexpected(inflated.error());
  return std::vector<Slice>{Slice(std::move(*inflated))};
}

grpc::ByteBuffer to_byte_buffer(const Batch& batch) {
  using Owner = std::shared_ptr<const void>;
  std::vector<grpc::Slice> slices;
  slices.reserve(batch.slices().size());
  for (const Slice& slice : batch.slices()) {
    // gRPC's interface is not const, but it does not write into slices it was given.
    slices.emplace_back(
        const_cast<char*>(slice.view().data()), slice.size(),
        [](void* owner) { delete static_cast<Owner*>(owner); }, new Owner(slice.owner()));
  }
  if (slices.empty()) return empty_message();
  return {slices.data(), slices.size()};
}

grpc::ByteBuffer empty_message() {
  const grpc::Slice nothing;
  return {&nothing, 1};
}

}  // namespace kernspan::otlp
