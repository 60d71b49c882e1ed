#include "pipeline/otlp/attribute_editor.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "pipeline/otlp/utf8.h"

namespace kernspan::otlp {
namespace {

void append_fixed64(std::string& out, std::uint64_t value) {
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
}

}  // namespace

std::string encode_value(const AttributeValue& value) {
  std::string out;
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    append_bytes_field(out, wire::any_value::kString, *text);
    replace_invalid_utf8(out.data() + out.size() - text->size(), text->size());
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    append_varint(out, wire_tag(wire::any_value::kInt, WireType::kVarint));
    append_varint(out, static_cast<std::uint64_t>(*integer));
  } else if (const auto* number = std::get_if<double>(&value)) {
    append_varint(out, wire_tag(wire::any_value::kDouble, WireType::kFixed64));
    append_fixed64(out, std::bit_cast<std::uint64_t>(*number));
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    append_varint(out, wire_tag(wire::any_value::kBool, WireType::kVarint));
    append_varint(out, *flag ? 1 : 0);
  } else {
    std::string list;
    for (const std::string_view item : std::get<std::span<const std::string_view>>(value)) {
      append_bytes_field(list, wire::value_list::kValues, encode_value(item));
    }
    append_bytes_field(out, wire::any_value::kArray, list);
  }
  return out;
}

void AttributeEditor::open(std::string_view message, std::uint32_t field) {
  field_ = field;
  entries_.clear();
  kept_.clear();
  kept_bytes_ = 0;
  changed_ = false;
  open_more(message);
}

void AttributeEditor::open_more(std::string_view message) {
  WireReader reader(message);
  for (WireField found; reader.next(found);) {
    if (!found.is_bytes(field_)) continue;
    const AttributeView attribute(found.bytes);
    entries_.push_back({.key = attribute.key, .value = attribute.value_wire, .whole = found.whole});
  }
}

AttributeEditor::Entry* AttributeEditor::entry(std::string_view key) {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  return found == entries_.end() ? nullptr : &*found;
}

ValueView AttributeEditor::find(std::string_view key) const {
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  return found == entries_.end() ? ValueView() : ValueView(found->value);
}

std::string_view AttributeEditor::keep(std::string_view bytes) {
  kept_bytes_ += bytes.size();
  return kept_.emplace_back(bytes);
}

void AttributeEditor::set(Entry& entry, std::string_view encoded_value) {
  if (entry.value == encoded_value) return;
  // `encoded_value` may be a view of this very entry's value: it is copied first.
  entry.value = keep(encoded_value);
  entry.whole = {};
  changed_ = true;
}

void AttributeEditor::upsert(std::string_view key, std::string_view encoded_value) {
  if (!update(key, encoded_value)) insert(key, encoded_value);
}

bool AttributeEditor::insert(std::string_view key, std::string_view encoded_value) {
  if (entry(key) != nullptr) return false;
  const std::string_view kept_key = keep(key);
  entries_.push_back({.key = kept_key, .value = keep(encoded_value), .whole = {}});
  changed_ = true;
  return true;
}

bool AttributeEditor::update(std::string_view key, std::string_view encoded_value) {
  Entry* const found = entry(key);
  if (found == nullptr) return false;
  set(*found, encoded_value);
  return true;
}

void AttributeEditor::assign(std::span<const Attribute> attributes) {
  std::unordered_multimap<std::string_view, const Entry*> present;
  present.reserve(entries_.size());
  for (const Entry& entry : entries_) present.emplace(entry.key, &entry);

  std::vector<Entry> assigned;
  assigned.reserve(attributes.size());
  bool same = attributes.size() == entries_.size();
  for (const Attribute& attribute : attributes) {
    const auto [begin, end] = present.equal_range(attribute.key);
    const auto equal = std::find_if(begin, end, [&](const auto& candidate) {
      return candidate.second->value == attribute.encoded_value;
    });
    if (equal != end) {
      same = same && equal->second == &entries_[assigned.size()];
      assigned.push_back(*equal->second);
      present.erase(equal);
      continue;
    }
    same = false;
    const std::string_view key = keep(attribute.key);
    assigned.push_back({.key = key, .value = keep(attribute.encoded_value), .whole = {}});
  }
  if (same) return;
  entries_ = std::move(assigned);
  changed_ = true;
}

bool AttributeEditor::erase(std::string_view key) {
  return erase_if([&](std::string_view other, ValueView) { return other == key; }) != 0;
}

std::size_t AttributeEditor::erase_if(
    const std::function<bool(std::string_view key, ValueView value)>& condemned) {
  const std::size_t erased = std::erase_if(
      entries_, [&](const Entry& entry) { return condemned(entry.key, ValueView(entry.value)); });
  if (erased != 0) changed_ = true;
  return erased;
}

void AttributeEditor::append_to(std::string& out) const {
  for (const Entry& entry : entries_) {
    if (!entry.whole.empty()) {
      out += entry.whole;
      continue;
    }
    append_bytes_header(out, field_,
                        bytes_field_size(wire::key_value::kKey, entry.key.size()) +
                            bytes_field_size(wire::key_value::kValue, entry.value.size()));
    append_bytes_field(out, wire::key_value::kKey, entry.key);
    append_bytes_field(out, wire::key_value::kValue, entry.value);
  }
}

}  // namespace kernspan::otlp
