// Node's own clients: client.js MODE URL COUNT.
//
// closing    http.get with an Agent that keeps nothing, one after another
// keeping    http.get with an Agent that keeps connections, one after another
// left       the same with an Agent for each request, ten a second, never destroyed
// destroyed  the same, destroyed after each answer
// few        bursts of ten at once, of which the Agent keeps one connection
// enough     the same, of which it keeps all
// fetch      fetch, one after another
// unread     http.get that destroys each answer once its head is there
// abort      fetch that gives up after 0.2 s
//
// It says its pid, waits for a line on stdin, works, says what it counted, and ends when its stdin
// ends: JSON lines.
"use strict";
const channel = require("node:diagnostics_channel");
const http = require("node:http");
const readline = require("node:readline");
const { setTimeout: pause } = require("node:timers/promises");

const [mode, url, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const BURST = 10;
let dials = 0;
let timeouts = 0;

class Counted extends http.Agent {
  createConnection(options, callback) {
    dials += 1;
    return super.createConnection(options, callback);
  }
}
channel.subscribe("undici:client:connected", () => (dials += 1));

const say = (facts) => console.log(JSON.stringify(facts));

/** Requests `url`; whether it was answered with 200. */
function get(agent, isRead = true) {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent }, (response) => {
      const done = () => resolve(Number(response.statusCode === 200));
      if (isRead) {
        response.on("end", done).resume();
      } else {
        response.on("close", done).on("error", () => {}).destroy();
      }
    });
    request.on("error", reject);
  });
}

async function inTurn(one) {
  let answered = 0;
  for (let nth = 0; nth < count; nth += 1) answered += await one();
  return answered;
}

/** Bursts with time between them, as pages or batches make them. */
async function inBursts(agent) {
  let answered = 0;
  for (let done = 0; done < count; done += BURST) {
    const burst = Array.from({ length: BURST }, () => get(agent));
    answered += (await Promise.all(burst)).reduce((sum, ok) => sum + ok, 0);
    await pause(400);
  }
  agent.destroy();
  return answered;
}

async function withOwnAgent(isDestroyed) {
  const agent = new Counted({ keepAlive: true });
  const ok = await get(agent);
  if (isDestroyed) agent.destroy();
  else await pause(100);
  return ok;
}

async function fetched() {
  const response = await fetch(url);
  await response.arrayBuffer();
  return Number(response.ok);
}

async function aborted() {
  try {
    await fetch(url, { signal: AbortSignal.timeout(200) });
    return 1;
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    timeouts += 1;
    return 0;
  }
}

const modes = {
  closing: () => inTurn(get.bind(null, new Counted({ keepAlive: false }))),
  keeping: () => inTurn(get.bind(null, new Counted({ keepAlive: true }))),
  left: () => inTurn(() => withOwnAgent(false)),
  destroyed: () => inTurn(() => withOwnAgent(true)),
  few: () => inBursts(new Counted({ keepAlive: true, maxFreeSockets: 1 })),
  enough: () => inBursts(new Counted({ keepAlive: true, maxFreeSockets: BURST })),
  fetch: () => inTurn(fetched),
  unread: () => inTurn(get.bind(null, new Counted({ keepAlive: true }), false)),
  abort: () => inTurn(aborted),
};

say({ pid: process.pid });
const stdin = readline.createInterface({ input: process.stdin });
stdin.once("close", () => process.exit(0));
stdin.once("line", async () => {
  const answers = await modes[mode]();
  // fetch may dial once more after an abort, to be ready.
  await pause(200);
  say({ done: true, dials, answers, timeouts });
});
