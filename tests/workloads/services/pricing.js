// pricing: a Node.js server that asks inventory and discounts at the same time, over a keep-alive agent.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');

const service = 'pricing';
const truth = fs.openSync(
    path.join(process.env.TRUTH_DIR, `${service}-${process.pid}.jsonl`), 'a');
const agent = new http.Agent({
  keepAlive: true,
  maxSockets: Number(process.env.PRICING_MAX_SOCKETS || Infinity),
});
let serial = 0;

const nowNs = () => Number(BigInt(Date.now()) * 1000000n);

function readAll(stream, done) {
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('end', () => done(Buffer.concat(chunks).toString()));
}

function post(callee, target, content, done) {
  const body = JSON.stringify(content);
  const request = http.request({
    agent, host: process.env[`${callee}_HOST`], port: process.env[`${callee}_PORT`],
    method: 'POST', path: target,
    headers: {'content-type': 'application/json', 'content-length': Buffer.byteLength(body)},
  }, (response) => readAll(response, (text) => {
    done(response.statusCode === 200 ? JSON.parse(text) : null);
  }));
  request.on('error', () => done(null));
  request.end(body);
}

function price(request, response, text) {
  const startNs = nowNs();
  const {token, caller} = JSON.parse(text);
  const id = `${service}-${process.pid}-${++serial}`;
  const name = request.url.split('/').pop();
  const answers = {};
  const finish = (callee, answer) => {
    answers[callee] = answer;
    if (Object.keys(answers).length < 2) return;
    const good = Object.values(answers).every((each) => each && each.token === token);
    const status = good ? 200 : 502;
    const record = {
      service, pid: process.pid, id, token, caller, method: request.method, path: request.url,
      status, start_ns: startNs, end_ns: nowNs(),
    };
    fs.writeSync(truth, JSON.stringify(record) + '\n');
    const total = good ? answers.inventory.in_stock * (100 - answers.discounts.percent) : 0;
    const body = JSON.stringify({token, total});
    response.writeHead(status, {
      'content-type': 'application/json', 'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  };
  const content = {token, caller: id};
  post('INVENTORY', `/stock/${name}`, content, (a) => finish('inventory', a));
  post('DISCOUNTS', `/discount/${name}`, content, (a) => finish('discounts', a));
}

const server = http.createServer((request, response) => {
  if (request.url === '/healthz') {
    response.end('ok\n');
    return;
  }
  readAll(request, (text) => price(request, response, text));
});
// Longer than any pause of a run: a connection that the server closes while the client sends on it
// fails a request for reasons that are none of ours.
server.keepAliveTimeout = 600 * 1000;
server.listen(Number(process.env.PRICING_PORT), process.env.PRICING_BIND, 511);
process.on('SIGTERM', () => process.exit(0));
