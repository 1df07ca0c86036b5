// As much of "k6/http": requests that block, as k6's do. A thread makes them; this one sleeps until it is told.
import { MessageChannel, Worker, receiveMessageOnPort } from "node:worker_threads";

const flag = new Int32Array(new SharedArrayBuffer(4));
const { port1, port2 } = new MessageChannel();

async function serve({ flag, port }) {
  port.on("message", async ({ method, url, body, headers }) => {
    let answer;
    try {
      const found = await fetch(url, { method, body, headers, keepalive: true });
      answer = { status: found.status, headers: [...found.headers], body: await found.text() };
    } catch (error) {
      answer = { status: 0, headers: [], body: null, error: String(error) };
    }
    port.postMessage(answer);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  });
}

const code = `const { workerData } = require("node:worker_threads"); (${serve})(workerData);`;
const worker = new Worker(code, { eval: true, workerData: { flag, port: port2 }, transferList: [port2] });
worker.unref();

// k6 writes each header as Go does: Idempotent-Replayed
const canonical = (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

function request(method, url, body, params) {
  Atomics.store(flag, 0, 0);
  port1.postMessage({ method, url, body, headers: params.headers });
  Atomics.wait(flag, 0, 0, 30_000);
  const { message } = receiveMessageOnPort(port1);
  return {
    ...message,
    headers: Object.fromEntries(message.headers.map(([name, value]) => [canonical(name), value])),
    json(field) {
      const document = JSON.parse(message.body);
      return field === undefined ? document : document[field];
    },
  };
}

export default {
  get: (url, params) => request("GET", url, null, params),
  post: (url, body, params) => request("POST", url, body, params),
};
