"use strict";
// The workload's server with grpc-js: one event loop.
//
//   server.js PORT [NEXT_PORT]
//
// Prints a line per call that it has handled: id, method, status, start and end (Unix time, ns), messages
// received and sent.

const { grpc, Truth, nowNs, print, withoutZeros } = require("./truth");

class Record {
  constructor(method) {
    this.method = method;
    this.start = nowNs();
    this.received = 0;
    this.sent = 0;
  }

  receive(call) {
    this.call = call;
    this.received += 1;
  }

  answer() {
    return { id: this.call.id, payload: this.call.payload };
  }

  // After the delay that the call asks for.
  later(then) {
    if (this.call.delay_ms > 0) setTimeout(then, this.call.delay_ms);
    else then();
  }

  // The error that the RPC ends with, or null.
  end(status = this.call.status) {
    this.ended = true;
    print(this.call.id, this.method, status, this.start, nowNs(), this.received, this.sent);
    return status === 0 ? null : { code: status, details: "as asked for" };
  }

  endWithAnswer(callback) {
    this.later(() => {
      if (this.call.status === 0) this.sent = 1;
      callback(this.end(), this.answer());
    });
  }

  endStream(stream) {
    const error = this.end();
    if (error) stream.emit("error", error);
    else stream.end();
  }
}

const next = process.argv[3] && new Truth(`127.0.0.1:${process.argv[3]}`, grpc.credentials.createInsecure());

const service = {
  Unary(call, callback) {
    const record = new Record("Unary");
    record.receive(call.request);
    record.endWithAnswer(callback);
  },

  Collect(stream, callback) {
    const record = new Record("Collect");
    stream.on("data", (call) => record.receive(call));
    stream.on("end", () => record.endWithAnswer(callback));
  },

  Expand(stream) {
    const record = new Record("Expand");
    record.receive(stream.request);
    const step = () => {
      if (record.sent === record.call.answers) return record.endStream(stream);
      record.later(() => {
        if (stream.cancelled) return;
        stream.write(record.answer());
        record.sent += 1;
        setImmediate(step);
      });
    };
    step();
  },

  Converse(stream) {
    const record = new Record("Converse");
    let ended = false;
    const endWhenAnswered = () => {
      if (ended && record.sent === record.received) record.endStream(stream);
    };
    stream.on("data", (call) => {
      record.receive(call);
      record.later(() => {
        if (stream.cancelled) return;
        stream.write(record.answer());
        record.sent += 1;
        endWhenAnswered();
      });
    });
    stream.on("end", () => {
      ended = true;
      endWhenAnswered();
    });
    stream.on("cancelled", () => {
      if (!record.ended) record.end(grpc.status.CANCELLED);
    });
  },

  Forward(call, callback) {
    const record = new Record("Forward");
    record.receive(call.request);
    next.Unary(withoutZeros(call.request), (error, answer) => {
      record.sent = error ? 0 : 1;
      callback(record.end(error ? error.code : 0), answer);
    });
  },
};

const server = new grpc.Server({ "grpc.max_receive_message_length": -1 });
server.addService(Truth.service, service);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  print("ready");
});
process.on("SIGTERM", () => process.exit(0));
