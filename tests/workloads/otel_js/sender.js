// Sends spans with OpenTelemetry's own SDK and exporters, and prints what it has sent as JSON.
//   node sender.js PROTOCOL ENDPOINT COUNT     PROTOCOL: grpc, http/protobuf, http/json, zipkin
// TLS: the files that CA_FILE, CERT_FILE and KEY_FILE name. Headers: AUTHORIZATION.
'use strict';
const fs = require('fs');
const { SpanKind, SpanStatusCode, ROOT_CONTEXT, trace } = require('@opentelemetry/api');
const { Resource } = require('@opentelemetry/resources');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

const [protocol, url, count] = process.argv.slice(2);
const read = (name) => (process.env[name] ? fs.readFileSync(process.env[name]) : undefined);
const files = { ca: read('CA_FILE'), cert: read('CERT_FILE'), key: read('KEY_FILE') };
const authorization = process.env.AUTHORIZATION;
const compression = process.env.COMPRESSION; // "gzip", or nothing

function makeExporter() {
  if (protocol === 'grpc') {
    const { credentials, Metadata } = require('@grpc/grpc-js');
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
    const metadata = new Metadata();
    if (authorization) metadata.set('authorization', authorization);
    return new OTLPTraceExporter({
      url, metadata, compression,
      credentials: files.ca ? credentials.createSsl(files.ca, files.key, files.cert)
        : credentials.createInsecure(),
    });
  }
  if (protocol === 'zipkin') {
    const { ZipkinExporter } = require('@opentelemetry/exporter-zipkin');
    return new ZipkinExporter({ url });
  }
  const { OTLPTraceExporter } = protocol === 'http/json'
    ? require('@opentelemetry/exporter-trace-otlp-http')
    : require('@opentelemetry/exporter-trace-otlp-proto');
  const headers = authorization ? { authorization } : {};
  return new OTLPTraceExporter({ url, headers, compression, httpAgentOptions: files });
}

const failures = [];
const exporter = makeExporter();
const send = exporter.export.bind(exporter);
exporter.export = (spans, done) => send(spans, (result) => {
  if (result.code !== 0) failures.push(String(result.error));
  done(result);
});
const provider = new NodeTracerProvider({
  resource: new Resource({ 'service.name': 'otel-js', 'deployment.environment': 'tëst' }),
  spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 1e6, maxExportBatchSize: 100 })],
});
const tracer = provider.getTracer('sender', '1.2.3');

const sent = [];
function makeSpan(number, parent) {
  const context = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const span = tracer.startSpan(`span ${number}`, {
    kind: parent ? SpanKind.SERVER : SpanKind.CLIENT,
    links: parent ? [{ context: parent.spanContext(), attributes: { why: 'test' } }] : [],
    attributes: {
      text: 'grüße \u{1F600} "quoted"', integer: 9007199254740991, negative: -5, real: 0.1,
      yes: true, list: ['a', 'b'], number,
    },
  }, context);
  span.addEvent('event', { number });
  if (number % 10 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: 'on purpose' });
  span.end();
  const { traceId, spanId } = span.spanContext();
  sent.push({ trace: traceId, id: spanId, parent: parent ? parent.spanContext().spanId : '', number });
  return span;
}

for (let number = 0; number < Number(count); number += 2) makeSpan(number + 1, makeSpan(number));
provider.shutdown().then(
  () => console.log(JSON.stringify({ sent, failures })),
  (error) => console.log(JSON.stringify({ sent, failures: [...failures, String(error)] })));
