#include "pipeline/otlp/grpc_bytes.h"

#include <memory>
#include <utility>
#include <vector>

namespace kernspan::otlp {

Slice to_slice(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> pieces;
  if (!buffer.Dump(&pieces).ok()) return {};
  std::size_t size = 0;
  for (const grpc::Slice& piece : pieces) size += piece.size();
  std::string bytes;
  bytes.reserve(size);
  for (const grpc::Slice& piece : pieces) {
    bytes.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
  }
  return Slice(std::move(bytes));
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
