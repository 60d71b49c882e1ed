#include "pipeline/extensions/pprof/profile_writer.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <map>
#include <protozero/pbf_writer.hpp>

namespace kernspan {
namespace {

using protozero::pbf_writer;

namespace field {
constexpr std::uint32_t kSampleType = 1;
constexpr std::uint32_t kSample = 2;
constexpr std::uint32_t kMapping = 3;
constexpr std::uint32_t kLocation = 4;
constexpr std::uint32_t kFunction = 5;
constexpr std::uint32_t kString = 6;
constexpr std::uint32_t kTimeNanos = 9;
constexpr std::uint32_t kDurationNanos = 10;
constexpr std::uint32_t kPeriodType = 11;
constexpr std::uint32_t kPeriod = 12;
}  // namespace field

class ProfileWriter {
 public:
  explicit ProfileWriter(const NameOf& name_of) : name_of_(name_of) {
    string_id("");  // the first string must be empty
  }

  void value_type(std::uint32_t number, const char* type, const char* unit) {
    pbf_writer message(profile_, number);
    message.add_int64(1, string_id(type));
    message.add_int64(2, string_id(unit));
  }

  void mapping(const CodeMapping& mapping) {
    mappings_.push_back(mapping);
    pbf_writer message(profile_, field::kMapping);
    message.add_uint64(1, mappings_.size());
    message.add_uint64(2, mapping.begin);
    message.add_uint64(3, mapping.end);
    message.add_uint64(4, mapping.file_offset);
    message.add_int64(5, string_id(mapping.file));
    message.add_bool(7, true);  // functions have names
  }

  // The first `exact` addresses are where the program was, the others where it returns to.
  void sample(const std::vector<std::uint64_t>& stack, std::size_t exact, std::uint64_t count,
              std::uint64_t amount) {
    std::vector<std::uint64_t> locations;
    for (std::size_t i = 0; i < stack.size(); ++i) {
      // A return address may be the first of another function: its call lies in front of it.
      locations.push_back(location_id(stack[i] - (i < exact ? 0 : 1)));
    }
    const std::array values = {static_cast<std::int64_t>(count), static_cast<std::int64_t>(amount)};
    pbf_writer message(profile_, field::kSample);
    message.add_packed_uint64(1, locations.begin(), locations.end());
    message.add_packed_int64(2, values.begin(), values.end());
  }

  void number(std::uint32_t number, std::int64_t value) { profile_.add_int64(number, value); }

  std::string finish() {
    for (const std::string& text : strings_) profile_.add_string(field::kString, text);
    return std::move(bytes_);
  }

 private:
  std::int64_t string_id(const std::string& text) {
    const auto [found, is_new] =
        string_ids_.try_emplace(text, static_cast<std::int64_t>(strings_.size()));
    if (is_new) strings_.push_back(text);
    return found->second;
  }

  std::uint64_t location_id(std::uint64_t address) {
    const auto [found, is_new] = location_ids_.try_emplace(address, location_ids_.size() + 1);
    if (!is_new) return found->second;
    const std::uint64_t function = function_id(name_of_(address));
    const auto mapping = std::ranges::find_if(mappings_, [address](const CodeMapping& candidate) {
      return candidate.begin <= address && address < candidate.end;
    });
    pbf_writer message(profile_, field::kLocation);
    message.add_uint64(1, found->second);
    if (mapping != mappings_.end()) {
      message.add_uint64(2, static_cast<std::uint64_t>(mapping - mappings_.begin()) + 1);
    }
    message.add_uint64(3, address);
    if (function != 0) pbf_writer(message, 4).add_uint64(1, function);
    return found->second;
  }

  std::uint64_t function_id(const std::string& name) {
    if (name.empty()) return 0;
    const auto [found, is_new] = function_ids_.try_emplace(name, function_ids_.size() + 1);
    if (is_new) {
      const std::int64_t text = string_id(name);
      pbf_writer message(profile_, field::kFunction);
      message.add_uint64(1, found->second);
      message.add_int64(2, text);
      message.add_int64(3, text);
    }
    return found->second;
  }

  const NameOf& name_of_;
  std::string bytes_;
  pbf_writer profile_{bytes_};
  std::vector<CodeMapping> mappings_;
  std::vector<std::string> strings_;
  std::map<std::string, std::int64_t> string_ids_;
  std::map<std::uint64_t, std::uint64_t> location_ids_;
  std::map<std::string, std::uint64_t> function_ids_;
};

std::string gzip(const std::string& bytes) {
  constexpr int kGzipWindow = 15 + 16;
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // NOLINT: zlib's C
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

std::string write_cpu_profile(const SampledStacks& stacks, const NameOf& name_of,
                              std::uint64_t end_unix_ns, std::chrono::nanoseconds duration) {
  const std::uint64_t period_ns = stacks.period_us * 1000;
  ProfileWriter writer(name_of);
  writer.value_type(field::kSampleType, "samples", "count");
  writer.value_type(field::kSampleType, "cpu", "nanoseconds");
  writer.value_type(field::kPeriodType, "cpu", "nanoseconds");
  writer.number(field::kPeriod, static_cast<std::int64_t>(period_ns));
  writer.number(field::kTimeNanos,
                static_cast<std::int64_t>(end_unix_ns) - std::int64_t{duration.count()});
  writer.number(field::kDurationNanos, duration.count());
  for (const CodeMapping& mapping : stacks.mappings) writer.mapping(mapping);
  for (const SampledStack& stack : stacks.stacks) {
    writer.sample(stack.addresses, 1, stack.count, stack.count * period_ns);
  }
  return gzip(writer.finish());
}

std::string write_heap_profile(const std::vector<HeapSample>& samples,
                               const std::vector<CodeMapping>& mappings, const NameOf& name_of,
                               std::uint64_t now_unix_ns) {
  ProfileWriter writer(name_of);
  writer.value_type(field::kSampleType, "inuse_objects", "count");
  writer.value_type(field::kSampleType, "inuse_space", "bytes");
  writer.value_type(field::kPeriodType, "space", "bytes");
  writer.number(field::kPeriod, static_cast<std::int64_t>(kHeapSamplePeriodBytes));
  writer.number(field::kTimeNanos, static_cast<std::int64_t>(now_unix_ns));
  for (const CodeMapping& mapping : mappings) writer.mapping(mapping);
  for (const HeapSample& sample : samples) {
    writer.sample(sample.callers, 0, sample.objects, sample.bytes);
  }
  return gzip(writer.finish());
}

}  // namespace kernspan
