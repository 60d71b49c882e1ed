#pragma once

#include <array>
#include <cstddef>

#include "pipeline/otlp/attribute_keys.h"
#include "pipeline/ottl/record.h"

namespace kernspan::ottl {

// The attributes that conditions ask for that are compiled together: a record that knows them
// (Record::look_for) finds all of a part in one walk, when the first of them is asked for, and a
// resource's once for all its spans. Complete when the last condition has been compiled.
class Lookups {
 public:
  otlp::AttributeKeys& of(Context part) { return keys_[static_cast<std::size_t>(part)]; }
  const otlp::AttributeKeys& of(Context part) const {
    return keys_[static_cast<std::size_t>(part)];
  }

 private:
  std::array<otlp::AttributeKeys, 4> keys_;
};

}  // namespace kernspan::ottl
