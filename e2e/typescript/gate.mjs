// A gate to speak to: a fresh data folder, a policy, `countersign serve` on it; and checks that are counted.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const binary = path.resolve(process.env.COUNTERSIGN_BIN);
// The command reads this family of variables as its own settings.
for (const name of Object.keys(process.env)) if (name.startsWith("COUNTERSIGN_")) delete process.env[name];

const RULES = `
@id("refunds") permit (principal, action == Action::"payment", resource == Tool::"payments/refund");
@id("refunds-large") @review("owners") @message("Over 500 an owner looks.")
forbid (principal, action == Action::"payment", resource == Tool::"payments/refund") when { context.payload.amount > 500 };
@id("notes") permit (principal, action == Action::"write", resource == Tool::"notes/write");
`;

let [passed, failed] = [0, 0];
export function check(name, good, seen) {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "ok" : "not ok"} - ${name}`);
  if (!good) console.log("  # seen:", seen instanceof Error ? seen.stack : typeof seen === "string" ? seen.slice(0, 3000) : seen);
}

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

/** What a promise throws; nothing is `undefined`. */
export const thrown = (promise) => promise.then(() => undefined, (error) => error);

export async function until(ask, tries = 200) {
  for (let left = tries; left > 0; left -= 1) {
    const found = await ask();
    if (found) return found;
    await sleep(50);
  }
  throw new Error("it did not come");
}

const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
};

export const run = (...line) =>
  new Promise((done) => {
    execFile(binary, line, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => done({ code: error ? error.code : 0, stdout, stderr }));
  });

export class Gate {
  answered = new Set();

  static async open() {
    const gate = new Gate();
    gate.folder = mkdtempSync(path.join(tmpdir(), "countersign-typescript-"));
    gate.data = path.join(gate.folder, "data");
    gate.port = await freePort();
    gate.url = `http://127.0.0.1:${gate.port}`;
    await gate.must("init");
    const policy = path.join(gate.folder, "policy");
    mkdirSync(policy);
    writeFileSync(path.join(policy, "rules.cedar"), RULES);
    writeFileSync(path.join(policy, "entities.json"), '{"review_groups":{"owners":"who may spend"}}');
    await gate.must("policy", "activate", policy);
    gate.key = (await gate.json("key", "create", "--kind", "agent", "--label", "billing")).secret;
    await gate.serve();
    return gate;
  }

  async serve() {
    const line = ["serve", "--data", this.data, "--listen", `127.0.0.1:${this.port}`];
    this.server = spawn(binary, line, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, COUNTERSIGN_SOLO: "true" } });
    let said = "";
    this.server.stdout.on("data", (text) => (said += text));
    await until(async () => said.includes("\n  policy") && (await fetch(`${this.url}/readyz`).catch(() => null))?.ok);
  }

  async end(how = "SIGTERM") {
    if (this.server.exitCode !== null || this.server.signalCode !== null) return;
    this.server.kill(how);
    await once(this.server, "exit");
  }

  async close() {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  at = (...names) => path.join(this.data, ...names);
  run = (...line) => run("--data", this.data, ...line);

  async must(...line) {
    const done = await this.run(...line);
    if (done.code !== 0) throw new Error(`countersign ${line.join(" ")}: ${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  json = async (...line) => JSON.parse(await this.must("--json", ...line));
  state = async (action) => (await this.json("action", "show", action)).state;
  /** The latest action, once the index has caught up. */
  last = () => until(async () => {
    const { actions, behind } = await this.json("action", "list", "--limit", "1");
    return behind === 0 && actions[0];
  });
  /** What was proposed with an action, the latest where none is named. */
  async payload(action) {
    const [{ facts }] = (await this.json("action", "story", action ?? (await this.last()).action)).answers;
    return facts.payload;
  }
  /** What waits for people and nobody here has answered. */
  waiting = () => until(async () => (await this.json("review", "list")).find((one) => !this.answered.has(one.action))?.action);
  approve = (action, ...more) => this.answer("approve", action, "agreed", ...more);
  deny = (action) => this.answer("deny", action, "no");

  answer(verdict, action, reason, ...more) {
    this.answered.add(action);
    return this.must("review", verdict, action, "--yes", "--reason", reason, ...more);
  }

  async edit(action, payload) {
    const file = path.join(this.folder, "edit.json");
    writeFileSync(file, payload);
    return this.approve(action, "--edit", file);
  }
}
