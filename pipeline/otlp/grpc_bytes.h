// Between gRPC's byte buffers and this program's slices.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <expected>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/gunzip.h"

namespace kernspan::otlp {

// One contiguous copy.
Slice to_slice(const grpc::ByteBuffer& buffer);

// A message that gRPC was told not to decompress: inflated when it is gzip; else, when it is large, as
// the pieces that it came in, which keep gRPC's read buffers alive; else as one copy.
std::expected<std::vector<Slice>, GunzipError> to_inflated_slices(const grpc::ByteBuffer& buffer,
                                                                  std::size_t max_bytes);

// The batch's slices as they are: gRPC shares their ownership and copies nothing.
grpc::ByteBuffer to_byte_buffer(const Batch& batch);

// A message without fields; not the same as no message.
grpc::ByteBuffer empty_message();

}  // namespace kernspan::otlp
