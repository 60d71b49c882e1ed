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

Slice join(const std::vector<grpc::Slice>& pieces) {
  std::size_t size = 0;
  for (const grpc::Slice& piece : pieces) size += piece.size();
  std::string bytes;
  bytes.reserve(size);
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
  std::vector<Slice> slices;
  if (pieces.empty() || !is_gzip(view(pieces.front()))) {
    slices.reserve(pieces.size());
    for (const grpc::Slice& piece : pieces) {
      auto owner = std::make_shared<const grpc::Slice>(piece);
      const std::string_view bytes = view(*owner);  // a short piece lies in the object itself
      slices.emplace_back(std::move(owner), bytes);
    }
    return slices;
  }
  std::vector<std::string_view> views;
  views.reserve(pieces.size());
  for (const grpc::Slice& piece : pieces) views.push_back(view(piece));
  auto inflated = gunzip(views, max_bytes);
  if (!inflated) return std::unexpected(inflated.error());
  slices.emplace_back(std::move(*inflated));
  return slices;
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
