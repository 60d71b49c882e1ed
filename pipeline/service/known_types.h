// The types of components: those that a program has, and those that are known by name only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/registry.h"

namespace kernspan {

// A type that the collector has, or that configurations name, and that this version has not. A row
// whose type a program registers counts for nothing there.
struct UnbuiltType {
  std::string_view section;  // "processors"
  std::string_view type;     // its current name
  std::string_view advice;   // what to do without it
};

class KnownTypes {
 public:
  explicit KnownTypes(const Registry& registry);

  // Whether the program has the type.
  bool has(std::string_view section, std::string_view type) const;
  // The row of a type that it has not; null when it has it, or nobody knows it.
  const UnbuiltType* find_unbuilt(std::string_view section, std::string_view type) const;
  bool knows(std::string_view section, std::string_view type) const {
    return has(section, type) || find_unbuilt(section, type) != nullptr;
  }

 private:
  struct Name {
    std::string_view section;
    std::string type;
  };

  std::vector<Name> names_;
};

// The type's name today; renamed types keep their old names as well: "otlp" of the exporters is
// "otlp_grpc".
std::string_view current_type(std::string_view section, std::string_view type);

}  // namespace kernspan
