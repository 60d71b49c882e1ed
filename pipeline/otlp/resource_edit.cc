#include "pipeline/otlp/resource_edit.h"

#include <string>
#include <utility>

#include "pipeline/otlp/gather_list.h"
#include "pipeline/otlp/request_walk.h"

namespace kernspan::otlp {
namespace {

bool is(const SliceCursor::Header& header, std::uint32_t field) {
  return header.number == field && header.type == WireType::kBytes;
}

class ResourceEditPass {
 public:
  ResourceEditPass(std::span<const Slice> slices, const ResourceEdit& edit)
      : cursor_(slices), edit_(edit) {}

  void run(std::size_t size) {
    walk_message(cursor_, size, [&](const SliceCursor::Header& header) {
      if (is(header, wire::request::kResourceSpans)) {
        resource_spans(header);
      } else {
        keep(header.size + header.length);
      }
    });
  }

  bool changed() const { return changed_; }
  std::vector<Slice> take() { return list_.take(); }

 private:
  void resource_spans(const SliceCursor::Header& header) {
    const std::size_t old_size = open_resource(header);
    edit_(editor_);
    if (!editor_.changed()) return keep(header.size + header.length);
    changed_ = true;
    content_.clear();
    editor_.append_to(content_);
    content_ += other_fields_;

    header_.clear();
    append_bytes_header(header_, wire::request::kResourceSpans,
                        header.length - old_size +
                            bytes_field_size(wire::resource_spans::kResource, content_.size()));
    append_bytes_field(header_, wire::resource_spans::kResource, content_);
    list_.append_copy(header_);
    cursor_.take(header.size);
    walk_message(cursor_, header.length, [&](const SliceCursor::Header& field) {
      if (is(field, wire::resource_spans::kResource)) {
        cursor_.take(field.size + field.length);
      } else {
        keep(field.size + field.length);
      }
    });
  }

  // Opens the resource of the ResourceSpans at the cursor, which stays; the size of the fields that
  // the new resource stands for. (A Resource that comes in several parts is their merge.)
  std::size_t open_resource(const SliceCursor::Header& header) {
    editor_.open({}, wire::resource::kAttributes);
    other_fields_.clear();
    std::size_t size = 0;
    SliceCursor probe = cursor_;
    probe.take(header.size);
    walk_message(probe, header.length, [&](const SliceCursor::Header& field) {
      if (!is(field, wire::resource_spans::kResource)) {
        probe.take_across(field.size + field.length, [](const Slice&, std::string_view) {});
        return;
      }
      const std::string_view whole = probe.take(field.size + field.length);
      size += whole.size();
      editor_.open_more(whole.substr(field.size));
      add_other_fields(whole.substr(field.size));
    });
    return size;
  }

  void add_other_fields(std::string_view resource) {
    WireReader reader(resource);
    for (WireField field; reader.next(field);) {
      if (!field.is_bytes(wire::resource::kAttributes)) other_fields_ += field.whole;
    }
  }

  void keep(std::size_t size) {
    cursor_.take_across(
        size, [&](const Slice& slice, std::string_view bytes) { list_.append(slice, bytes); });
  }

  SliceCursor cursor_;
  const ResourceEdit& edit_;
  AttributeEditor editor_;
  SliceArena arena_;
  GatherList list_{arena_};
  std::string other_fields_;  // of the open Resource
  std::string content_;
  std::string header_;
  bool changed_ = false;
};

}  // namespace

Batch edit_resources(Batch batch, const ResourceEdit& edit) {
  ResourceEditPass pass(batch.slices(), edit);
  pass.run(batch.byte_count());
  if (!pass.changed()) return batch;
  return Batch::from_slices(pass.take(), batch.item_count(), batch.signal());
}

}  // namespace kernspan::otlp
