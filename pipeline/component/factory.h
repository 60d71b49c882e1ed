// How components are made. create() reads and checks the settings and allocates; it opens no file
// and no socket and starts no thread, so that `kernspan validate` can build a whole graph. That is
// start()'s. It is called twice for a component that runs: the first one is thrown away.
#pragma once

#include <functional>
#include <map>
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
#include "pipeline/component/extensions.h"
#include "pipeline/otlp/signal.h"
#include "pipeline/otlp/span_questions.h"

namespace kernspan {

class Receiver : public Component {};
class Processor : public Component, public Consumer {};
class Exporter : public Component, public Consumer {};

// The end of one pipeline and the start of others: exporter there, receiver here.
class Connector : public Component, public Consumer {};

// What a component gets from the service that makes it. All of it but `warnings`, which is for
// create(), outlives the component.
struct ComponentContext {
  std::string id;    // as configured, "otlp/backup": the value of the receiver= ... exporter= label
  std::string path;  // how messages call its settings: "exporters::otlp/backup"
  std::string pipeline;  // processors only, which exist once per pipeline: "traces/local"
  // Those of the pipelines that the component is in: what it will be given, and what it may pass
  // on. While settings are only checked: all that its factory supports.
  otlp::Signals signals;
  const Extensions& extensions;
  Metrics& metrics;
  Ledger& ledger;     // for a component of several stages
  StageBooks& books;  // this component's own stage; an extension leaves it alone
  const Clock& clock;
  ConfigWarnings& warnings;
  // Of all components: added to until start() has returned, read by receivers. Null while settings
  // are only checked.
  otlp::SpanQuestions* span_questions = nullptr;
};

// A type's other names, from before upstream renamed it: as good as the new one.
using DeprecatedNames = std::vector<std::string>;

inline constexpr otlp::Signals kTracesOnly = {otlp::Signal::kTraces};
inline constexpr otlp::Signals kMetricsOnly = {otlp::Signal::kMetrics};
inline constexpr otlp::Signals kTracesAndMetrics = {otlp::Signal::kTraces, otlp::Signal::kMetrics};

struct ReceiverFactory {
  std::string type;
  DeprecatedNames deprecated_names = {};
  otlp::Signals signals = kTracesOnly;
  // One instance, whichever pipelines it feeds. `next` takes batches of context.signals, outlives
  // the receiver and may be called from any of its threads between start() and stop().
  std::function<Result<std::unique_ptr<Receiver>>(const ConfigNode&, const ComponentContext&,
                                                  Consumer& next)>
      create;
};

struct ProcessorFactory {
  std::string type;
  DeprecatedNames deprecated_names = {};
  otlp::Signals signals = kTracesOnly;
  std::function<Result<std::unique_ptr<Processor>>(const ConfigNode&, const ComponentContext&,
                                                   Consumer& next)>
      create;
};

struct ExporterFactory {
  std::string type;
  DeprecatedNames deprecated_names = {};
  otlp::Signals signals = kTracesOnly;
  // One instance, whichever pipelines feed it.
  std::function<Result<std::unique_ptr<Exporter>>(const ConfigNode&, const ComponentContext&)>
      create;
};

// The pipelines that a connector is a receiver of.
struct ConnectorOutputs {
  Consumer& all;                                 // every pipeline of a batch's signal
  std::map<std::string, Consumer*> by_pipeline;  // by id, for connectors that choose
};

struct ConnectorFactory {
  // What comes in, and what comes of it.
  struct Conversion {
    otlp::Signal from;
    otlp::Signal to;
  };

  std::string type;
  DeprecatedNames deprecated_names = {};
  std::vector<Conversion> conversions;
  // One instance. The outputs outlive the connector. context.signals: what comes in.
  std::function<Result<std::unique_ptr<Connector>>(const ConfigNode&, const ComponentContext&,
                                                   const ConnectorOutputs& next)>
      create;
};

struct ExtensionFactory {
  std::string type;
  DeprecatedNames deprecated_names = {};
  std::function<Result<std::unique_ptr<Extension>>(const ConfigNode&, const ComponentContext&)>
      create;
};

}  // namespace kernspan
