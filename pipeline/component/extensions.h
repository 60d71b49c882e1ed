#pragma once

#include <map>
#include <string>
#include <string_view>

#include "pipeline/component/component.h"

namespace kernspan {

// Started before and stopped after all pipelines.
class Extension : public Component {
 public:
  // Every component of every pipeline runs; called once, after all start().
  virtual void pipelines_ready() {}
  // The pipelines are about to stop.
  virtual void pipelines_not_ready() {}
};

// The extensions that service::extensions lists, by id: where a component finds the one that its
// settings name. What an extension can do for others is an interface that it implements beside
// Extension (authentication.h, ...).
class Extensions {
 public:
  void add(std::string id, Extension& extension) { extensions_.emplace(std::move(id), &extension); }

  // Null when service::extensions does not list the id, or the extension does not implement
  // Interface. Borrowed: it outlives all components of pipelines, and is started before them.
  template <typename Interface>
  Interface* find(std::string_view id) const {
    const auto found = extensions_.find(id);
    return found == extensions_.end() ? nullptr : dynamic_cast<Interface*>(found->second);
  }

 private:
  std::map<std::string, Extension*, std::less<>> extensions_;
};

}  // namespace kernspan
