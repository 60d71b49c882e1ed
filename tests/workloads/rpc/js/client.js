"use strict";
// The workload's client with grpc-js: all calls in flight on one event loop.
//
//   client.js PORT CHANNELS CONCURRENCY
//
// Reads a line per call and prints one when it is over; rpc.py says what is in them.

const readline = require("node:readline");
const { grpc, Truth, nowNs, print, withoutZeros } = require("./truth");

const [port, channels, concurrency] = process.argv.slice(2).map(Number);
const clients = Array.from({ length: channels }, () =>
  new Truth(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
  }));

function run(line, client, done) {
  const [id, method, ...rest] = line.split(" ");
  const traceparent = rest.pop();
  const [messages, answers, payloadBytes, status, delayMs, deadlineMs, cancelMs] = rest.map(Number);
  const payload = Buffer.alloc(payloadBytes, "x");
  const call = withoutZeros({ id, answers, status, delay_ms: delayMs, payload });
  const metadata = new grpc.Metadata();
  if (traceparent !== "-") metadata.set("traceparent", traceparent);
  const options = deadlineMs > 0 ? { deadline: Date.now() + deadlineMs } : {};
  const start = nowNs();
  let sent = 0;
  let received = 0;
  const end = (code) => {
    print(id, code, start, nowNs(), sent, received);
    done();
  };
  const answered = (error) => {
    received = error ? 0 : 1;
    end(error ? error.code : 0);
  };

  let running;
  if (method === "Unary" || method === "Forward") {
    sent = 1;
    running = client[method](call, metadata, options, answered);
  } else if (method === "Collect") {
    running = client.Collect(metadata, options, answered);
    for (; sent < messages; ++sent) running.write(call);
    running.end();
  } else {
    const send = () => {
      running.write(call);
      sent += 1;
      if (sent === messages) running.end();
    };
    if (method === "Expand") {
      sent = 1;
      running = client.Expand(call, metadata, options);
    } else {
      running = client.Converse(metadata, options);
      send();
    }
    running.on("data", () => {
      received += 1;
      if (method === "Converse" && sent < messages) send();
    });
    running.on("error", () => {});  // "status" says it as well
    running.on("status", (result) => end(result.code));
  }
  if (cancelMs > 0) setTimeout(() => running.cancel(), cancelMs);
}

const waiting = [];
let inFlight = 0;
let number = 0;
let inputEnded = false;

function pump() {
  while (inFlight < concurrency && waiting.length > 0) {
    inFlight += 1;
    run(waiting.shift(), clients[number++ % channels], () => {
      inFlight -= 1;
      pump();
    });
  }
  if (inputEnded && inFlight === 0) for (const client of clients) client.close();
}

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  waiting.push(line);
  pump();
});
lines.on("close", () => {
  inputEnded = true;
  pump();
});
