"use strict";
// What the workload's grpc-js programs share. The module folder is that of package-lock.json.

const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const definition = loader.loadSync(process.env.TRUTH_PROTO || path.join(__dirname, "..", "truth.proto"), {
  keepCase: true,
  defaults: true,
});
const { Truth } = grpc.loadPackageDefinition(definition).kernspan.tests;

// Date.now() is cut to milliseconds, performance.timeOrigin is off by up to two: the origin of
// performance.now() is where Date.now() has just gone on.
let originMs = 0;
for (const endMs = performance.now() + 10; performance.now() < endMs; ) {
  originMs = Math.max(originMs, Date.now() - performance.now());
}

function nowNs() {
  return BigInt(Math.round((originMs + performance.now()) * 1000)) * 1000n;
}

function print(...words) {
  fs.writeSync(1, words.join(" ") + "\n");
}

// The library would send what is 0 as well, which nobody else does.
function withoutZeros(call) {
  return Object.fromEntries(Object.entries(call).filter(([, value]) => value !== 0));
}

module.exports = { grpc, Truth, nowNs, print, withoutZeros };
