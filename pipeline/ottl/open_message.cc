#include "pipeline/ottl/open_message.h"

#include <algorithm>

#include "pipeline/otlp/utf8.h"
#include "pipeline/otlp/wire_reader.h"
#include "pipeline/otlp/wire_writer.h"

namespace kernspan::ottl {

void OpenMessage::open(std::string_view bytes, std::uint32_t attributes_field) {
  bytes_ = bytes;
  attributes_field_ = attributes_field;
  is_read_ = false;
  if (edit_ != nullptr) edit_->in_use = false;
}

void OpenMessage::read_values() {
  keys_->find(bytes_, attributes_field_, values_);
  is_read_ = true;
}

OpenMessage::Edit& OpenMessage::edit() {
  if (edit_ == nullptr) edit_ = std::make_unique<Edit>();
  if (!edit_->in_use) {
    edit_->in_use = true;
    edit_->attributes_open = false;
    edit_->replacements.clear();
    edit_->kept.clear();
    edit_->kept_bytes = 0;
  }
  return *edit_;
}

otlp::AttributeEditor& OpenMessage::editor() {
  Edit& editing = edit();
  if (!editing.attributes_open) editing.attributes.open(bytes_, attributes_field_);
  editing.attributes_open = true;
  return editing.attributes;
}

std::string_view OpenMessage::source(std::uint32_t field) const {
  if (edit_ == nullptr || !edit_->in_use) return bytes_;
  const auto found = std::ranges::find(edit_->replacements, field, &Replacement::field);
  return found == edit_->replacements.end() ? bytes_ : found->fields;
}

otlp::ValueView OpenMessage::find(std::string_view key) const {
  if (const otlp::AttributeEditor* const editing = open_editor()) return editing->find(key);
  return otlp::find_attribute({bytes_, attributes_field_}, key);
}

Value OpenMessage::attributes() const {
  const otlp::AttributeEditor* const editing = open_editor();
  if (editing == nullptr) return Value::from_attributes({bytes_, attributes_field_});
  Map map;
  for (std::size_t i = 0; i < editing->size(); ++i) {
    map.append(Text::borrowed(editing->key(i)), Value::from_view(editing->value(i)));
  }
  return Value::map(std::move(map));
}

std::uint64_t OpenMessage::number(std::uint32_t field) const {
  std::uint64_t number = 0;
  otlp::WireReader reader(source(field));
  for (otlp::WireField found; reader.next(found);) {
    if (found.number == field && found.type != otlp::WireType::kBytes) number = found.value;
  }
  return number;
}

std::string_view OpenMessage::content(std::uint32_t field) const {
  std::string_view content;
  otlp::WireReader reader(source(field));
  for (otlp::WireField found; reader.next(found);) {
    if (found.is_bytes(field)) content = found.bytes;
  }
  return content;
}

std::vector<std::string_view> OpenMessage::contents(std::uint32_t field) const {
  std::vector<std::string_view> contents;
  otlp::WireReader reader(source(field));
  for (otlp::WireField found; reader.next(found);) {
    if (found.is_bytes(field)) contents.push_back(found.bytes);
  }
  return contents;
}

void OpenMessage::set_attribute(std::string_view key, const Value& value) {
  editor().upsert(key, encode(value));
}

void OpenMessage::set_attributes(const Map& attributes) {
  std::vector<otlp::AttributeEditor::Attribute> entries;
  entries.reserve(attributes.size());
  for (const Map::Entry& entry : attributes.entries()) {
    entries.push_back({entry.key.view(), encode(entry.value)});
  }
  editor().assign(entries);
}

void OpenMessage::set_varint(std::uint32_t field, std::uint64_t value) {
  otlp::WireWriter out;
  if (value != 0) out.varint(field, value);
  set_fields(field, out.finish());
}

void OpenMessage::set_fixed64(std::uint32_t field, std::uint64_t value) {
  otlp::WireWriter out;
  if (value != 0) out.fixed64(field, value);
  set_fields(field, out.finish());
}

void OpenMessage::set_content(std::uint32_t field, std::string_view value) {
  otlp::WireWriter out;
  if (!value.empty()) out.bytes(field, value);
  set_fields(field, out.finish());
}

void OpenMessage::set_fields(std::uint32_t field, std::string fields) {
  Edit& editing = edit();
  editing.kept_bytes += fields.size();
  const std::string_view kept = editing.kept.emplace_back(std::move(fields));
  const auto found = std::ranges::find(editing.replacements, field, &Replacement::field);
  if (found != editing.replacements.end()) {
    found->fields = kept;
  } else {
    editing.replacements.push_back({field, kept});
  }
}

std::size_t OpenMessage::kept_bytes() const {
  if (edit_ == nullptr || !edit_->in_use) return 0;
  return edit_->kept_bytes + (edit_->attributes_open ? edit_->attributes.kept_bytes() : 0);
}

bool OpenMessage::changed() const {
  if (edit_ == nullptr || !edit_->in_use) return false;
  return !edit_->replacements.empty() || (edit_->attributes_open && edit_->attributes.changed());
}

void OpenMessage::append_to(std::string& out) const {
  if (edit_ == nullptr || !edit_->in_use) {
    out += bytes_;
    return;
  }
  const bool new_attributes = edit_->attributes_open && edit_->attributes.changed();
  otlp::WireReader reader(bytes_);
  for (otlp::WireField field; reader.next(field);) {
    if (new_attributes && field.is_bytes(attributes_field_)) continue;
    if (std::ranges::find(edit_->replacements, field.number, &Replacement::field) !=
        edit_->replacements.end()) {
      continue;
    }
    out += field.whole;
  }
  for (const Replacement& replacement : edit_->replacements) out += replacement.fields;
  if (new_attributes) edit_->attributes.append_to(out);
}

}  // namespace kernspan::ottl
