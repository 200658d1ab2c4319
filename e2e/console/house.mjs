// A gate to look at: a fresh data folder, `countersign serve` on it, a browser, and people in it.

import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';

const { COUNTERSIGN_BIN, COUNTERSIGN_E2E } = process.env;
// The command reads this family of variables as its own settings.
for (const name of Object.keys(process.env)) if (name.startsWith('COUNTERSIGN_')) delete process.env[name];
export const binary = path.resolve(COUNTERSIGN_BIN);
export const tools = path.resolve(COUNTERSIGN_E2E);
export const parts = path.resolve(COUNTERSIGN_E2E, 'npm-console');
const require = createRequire(pathToFileURL(path.join(parts, 'package.json')));
export const load = async (name) => import(pathToFileURL(require.resolve(name)));
export const packageFile = (name) => require.resolve(name);
const { chromium } = (await load('playwright-core')).default;
const here = path.dirname(fileURLToPath(import.meta.url));

let count = 0;
let failed = 0;
export function check(name, good, seen) {
  count += 1;
  failed += good ? 0 : 1;
  console.log(`${good ? 'ok' : 'not ok'} - ${name}`);
  if (!good && seen !== undefined) console.log('  # seen:', String(seen).slice(0, 2000));
}

/** A part of the story; where it breaks off, the rest of it counts as one failure. */
export async function scene(name, play) {
  try {
    await play();
  } catch (error) {
    check(`${name} plays to its end`, false, error.stack);
  }
}

export function finish() {
  console.log(`${count - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || count === 0 ? 1 : 0;
}

export const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class House {
  static async open(settings = () => ({})) {
    const house = new House();
    house.folder = mkdtempSync(path.join(tmpdir(), 'countersign-console-'));
    house.data = path.join(house.folder, 'data');
    house.port = await freePort();
    house.url = `http://localhost:${house.port}`;
    house.settings = await settings(house);
    house.run('init');
    house.run('policy', 'activate', path.join(here, 'policy'));
    await house.serve();
    house.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    return house;
  }

  run(...line) {
    return execFileSync(binary, ['--data', this.data, ...line], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  json(...line) {
    return JSON.parse(this.run('--json', ...line));
  }

  async serve() {
    this.server = spawn(binary, ['--data', this.data, 'serve', '--listen', `127.0.0.1:${this.port}`], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...this.settings } });
    let said = '';
    this.server.stdout.on('data', (text) => (said += text));
    for (let tries = 0; tries < 300; tries += 1) {
      await sleep(100);
      const answer = await fetch(`${this.url}/readyz`).catch(() => null);
      if (answer?.ok && said.includes('policy')) break;
    }
    await sleep(300);
    this.said = said;
  }

  async stop() {
    const ended = new Promise((done) => this.server.once('exit', done));
    this.server.kill('SIGTERM');
    await ended;
  }

  async close() {
    await this.browser?.close();
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A browser profile of its own, with an authenticator that verifies its user. */
  async visitor(options = {}) {
    const context = await this.browser.newContext({ colorScheme: 'light', viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    page.on('pageerror', (error) => check('no script breaks', false, error.stack));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) check('nothing breaks the content policy', false, message.text());
    });
    return { context, page };
  }

  /** A key for somebody who proposes. */
  key(kind, label) {
    const { secret } = this.json('key', 'create', '--kind', kind, '--label', label);
    const file = path.join(this.folder, `${label}.key`);
    writeFileSync(file, secret, { mode: 0o600 });
    return { secret, file };
  }

  async api(key, method, where, body) {
    const answer = await fetch(`${this.url}${where}`, {
      method,
      headers: { authorization: `Bearer ${key.secret}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body ? (typeof body === 'string' ? body : JSON.stringify(body)) : undefined,
    });
    return { status: answer.status, body: await answer.json() };
  }

  async propose(key, tool, payload, more = {}) {
    const [server, name] = tool.split('/');
    this.proposed = (this.proposed ?? 0) + 1;
    const request = { request_id: `r${this.proposed}`, agent: { id: 'billing' }, tool: { server, name }, payload, ...more };
    const { status, body } = await this.api(key, 'POST', '/v1/actions', request);
    if (status >= 300) throw new Error(JSON.stringify(body));
    return body.action;
  }

  state = async (key, action) => (await this.api(key, 'GET', `/v1/actions/${action}`)).body;
}
