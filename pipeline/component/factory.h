// How components are made. create() reads and checks the settings and allocates; it opens no file
// and no socket and starts no thread, so that `kernspan validate` can build a whole graph. That is
// start()'s. It is called twice for a component that runs: the first one is thrown away.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/error.h"
#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/component.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/consumer.h"

namespace kernspan {

class Receiver : public Component {};
class Processor : public Component, public TracesConsumer {};
class Exporter : public Component, public TracesConsumer {};

// Started before and stopped after all pipelines.
class Extension : public Component {
 public:
  // Every component of every pipeline runs; called once, after all start().
  virtual void pipelines_ready() {}
  // The pipelines are about to stop.
  virtual void pipelines_not_ready() {}
};

// What a component gets from the service that makes it. All references but `warnings`, which is for
// create(), outlive the component.
struct ComponentContext {
  std::string id;    // as configured, "otlp/backup": the value of the receiver= ... exporter= label
  std::string path;  // how messages call its settings: "exporters::otlp/backup"
  std::string pipeline;  // processors only, which exist once per pipeline: "traces/local"
  Metrics& metrics;
  Ledger& ledger;     // for a component of several stages
  StageBooks& books;  // this component's own stage; an extension leaves it alone
  const Clock& clock;
  ConfigWarnings& warnings;
};

// A type's other name, from before upstream renamed it; using one is a warning that names the new
// one.
using DeprecatedNames = std::vector<std::string>;

struct ReceiverFactory {
  std::string type;
  DeprecatedNames deprecated_names;
  // `next` outlives the receiver and may be called from any of its threads between start() and
  // stop().
  std::function<Result<std::unique_ptr<Receiver>>(const ConfigNode&, const ComponentContext&,
                                                  TracesConsumer& next)>
      create;
};

struct ProcessorFactory {
  std::string type;
  DeprecatedNames deprecated_names;
  std::function<Result<std::unique_ptr<Processor>>(const ConfigNode&, const ComponentContext&,
                                                   TracesConsumer& next)>
      create;
};

struct ExporterFactory {
  std::string type;
  DeprecatedNames deprecated_names;
  std::function<Result<std::unique_ptr<Exporter>>(const ConfigNode&, const ComponentContext&)>
      create;
};

struct ExtensionFactory {
  std::string type;
  DeprecatedNames deprecated_names;
  std::function<Result<std::unique_ptr<Extension>>(const ConfigNode&, const ComponentContext&)>
      create;
};

}  // namespace kernspan
