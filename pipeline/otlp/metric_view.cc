#include "pipeline/otlp/metric_view.h"

#include <bit>

#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {
namespace {

// The field numbers of a kind's data point, where the kinds differ. 0: it has no such field.
struct PointFields {
  std::uint32_t attributes = 0;
  std::uint32_t exemplars = 0;
  std::uint32_t flags = 0;
  std::uint32_t min = 0;
  std::uint32_t max = 0;
};

constexpr std::uint32_t kStartTime = 2;  // these are the same in all
constexpr std::uint32_t kTime = 3;
constexpr std::uint32_t kCount = 4;  // all but numbers
constexpr std::uint32_t kSum = 5;

PointFields fields_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge:
    case MetricKind::kSum:
      return {.attributes = 7, .exemplars = 5, .flags = 8};
    case MetricKind::kHistogram:
      return {.attributes = 9, .exemplars = 8, .flags = 10, .min = 11, .max = 12};
    case MetricKind::kExponentialHistogram:
      return {.attributes = 1, .exemplars = 11, .flags = 10, .min = 12, .max = 13};
    case MetricKind::kSummary:
      return {.attributes = 7, .flags = 8};
    case MetricKind::kNone:
      break;
  }
  return {};
}

double as_double(const WireField& field) {
  return std::bit_cast<double>(field.value);
}

std::int32_t zigzag32(std::uint64_t value) {
  const auto cut = static_cast<std::uint32_t>(value);
  return static_cast<std::int32_t>((cut >> 1) ^ (~(cut & 1) + 1));
}

void read_number(const WireField& field, std::uint32_t as_double_field, NumberView* number) {
  constexpr std::uint32_t kAsInt = 6;
  if (field.type != WireType::kFixed64) return;
  if (field.number == as_double_field) {
    *number = {.is_present = true, .is_int = false, .as_double = as_double(field)};
  } else if (field.number == kAsInt) {
    *number = {
        .is_present = true, .is_int = true, .as_int = static_cast<std::int64_t>(field.value)};
  }
}

// Repeated numbers: one field each, or all in one.
template <typename Append>
void read_fixed64s(const WireField& field, Append append) {
  if (field.type == WireType::kFixed64) append(field.value);
  if (field.type != WireType::kBytes) return;
  for (std::size_t at = 0; at + 8 <= field.bytes.size(); at += 8) {
    append(read_little_endian<std::uint64_t>(field.bytes.data() + at));
  }
}

BucketsView read_buckets(std::string_view message) {
  BucketsView buckets;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.number == 1 && field.type == WireType::kVarint) {
      buckets.offset = zigzag32(field.value);
    } else if (field.number == 2 && field.type == WireType::kVarint) {
      buckets.counts.push_back(field.value);
    } else if (field.is_bytes(2)) {
      const char* cursor = field.bytes.data();
      const char* const end = cursor + field.bytes.size();
      std::uint64_t count = 0;
      while (cursor != end && read_varint(cursor, end, count) == WireError::kNone) {
        buckets.counts.push_back(count);
      }
    }
  }
  return buckets;
}

QuantileView read_quantile(std::string_view message) {
  QuantileView quantile;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.type != WireType::kFixed64) continue;
    if (field.number == 1) quantile.quantile = as_double(field);
    if (field.number == 2) quantile.value = as_double(field);
  }
  return quantile;
}

void read_explicit(const WireField& field, DataPointView* point) {
  if (field.number == 6) {
    read_fixed64s(field, [&](std::uint64_t count) { point->bucket_counts.push_back(count); });
  } else if (field.number == 7) {
    read_fixed64s(field, [&](std::uint64_t bits) {
      point->explicit_bounds.push_back(std::bit_cast<double>(bits));
    });
  }
}

void read_exponential(const WireField& field, DataPointView* point) {
  if (field.number == 6 && field.type == WireType::kVarint) {
    point->scale = zigzag32(field.value);
  } else if (field.number == 7 && field.type == WireType::kFixed64) {
    point->zero_count = field.value;
  } else if (field.is_bytes(8)) {
    point->positive = read_buckets(field.bytes);
  } else if (field.is_bytes(9)) {
    point->negative = read_buckets(field.bytes);
  } else if (field.number == 14 && field.type == WireType::kFixed64) {
    point->zero_threshold = as_double(field);
  }
}

void read_kind_field(MetricKind kind, const WireField& field, DataPointView* point) {
  if (kind == MetricKind::kGauge || kind == MetricKind::kSum) {
    read_number(field, 4, &point->number);
    return;
  }
  if (field.type == WireType::kFixed64) {
    if (field.number == kCount) point->count = field.value;
    if (field.number == kSum) point->sum = as_double(field);
  }
  if (kind == MetricKind::kHistogram) read_explicit(field, point);
  if (kind == MetricKind::kExponentialHistogram) read_exponential(field, point);
  if (kind == MetricKind::kSummary && field.is_bytes(6)) {
    point->quantiles.push_back(read_quantile(field.bytes));
  }
}

}  // namespace

ExemplarView::ExemplarView(std::string_view exemplar) : filtered_attributes(exemplar, 7) {
  WireReader reader(exemplar);
  for (WireField field; reader.next(field);) {
    if (field.number == 2 && field.type == WireType::kFixed64) time_ns = field.value;
    if (field.is_bytes(4)) span_id = field.bytes;
    if (field.is_bytes(5)) trace_id = field.bytes;
    read_number(field, 3, &number);
  }
}

DataPointView::DataPointView(MetricKind kind, std::string_view point) {
  const PointFields fields = fields_of(kind);
  attributes = AttributeRange(point, fields.attributes);
  if (fields.exemplars != 0) exemplars = {point, fields.exemplars};
  WireReader reader(point);
  for (WireField field; reader.next(field);) {
    if (field.type == WireType::kFixed64) {
      if (field.number == kStartTime) start_ns = field.value;
      if (field.number == kTime) time_ns = field.value;
      if (fields.min != 0 && field.number == fields.min) min = as_double(field);
      if (fields.max != 0 && field.number == fields.max) max = as_double(field);
    } else if (field.type == WireType::kVarint && field.number == fields.flags) {
      flags = static_cast<std::uint32_t>(field.value);
    }
    read_kind_field(kind, field, this);
  }
}

MetricView::MetricView(std::string_view metric) : metadata(metric, 12), wire_(metric) {
  std::string_view data;
  WireReader reader(metric);
  for (WireField field; reader.next(field);) {
    if (field.type != WireType::kBytes) continue;
    switch (field.number) {
      case 1:
        name = field.bytes;
        break;
      case 2:
        description = field.bytes;
        break;
      case 3:
        unit = field.bytes;
        break;
      case wire::metric::kGauge:
      case wire::metric::kSum:
      case wire::metric::kHistogram:
      case wire::metric::kExponentialHistogram:
      case wire::metric::kSummary:
        kind = static_cast<MetricKind>(field.number);
        data = field.bytes;
        break;
      default:
        break;
    }
  }
  WireReader data_reader(data);
  for (WireField field; data_reader.next(field);) {
    if (field.type != WireType::kVarint) continue;
    if (field.number == 2 && field.value <= 2) temporality = static_cast<Temporality>(field.value);
    if (field.number == 3) is_monotonic = field.value != 0;
  }
}

void MetricView::for_each_point(const std::function<void(const DataPointView&)>& on_point) const {
  // Of a kind that occurs several times, every occurrence: protobuf merges them, and items are
  // counted that way.
  WireReader reader(wire_);
  for (WireField field; reader.next(field);) {
    if (!field.is_bytes(static_cast<std::uint32_t>(kind))) continue;
    WireReader data(field.bytes);
    for (WireField point; data.next(point);) {
      if (point.is_bytes(wire::metric::kDataPoints)) on_point(DataPointView(kind, point.bytes));
    }
  }
}

}  // namespace kernspan::otlp
