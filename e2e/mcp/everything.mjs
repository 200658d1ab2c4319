// server-everything, directly and through the gateway, with both generations of the TypeScript client: every tool, prompt
// and resource must give the same.
//
// run.py says in the environment how to reach the gate.

import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { COUNTERSIGN_BIN: countersign, COUNTERSIGN_E2E: e2e, E2E_GATE, E2E_GATEWAY_KEY } = process.env;
const parts = path.join(e2e, 'npm');
// What the gateway is told and the server must not be.
const secret = readFileSync(E2E_GATEWAY_KEY, 'utf8').trim();
// The packages lie outside the checkout.
const require = createRequire(pathToFileURL(path.join(parts, 'package.json')));
const load = async (name) => import(pathToFileURL(require.resolve(name)));
const modern = { ...(await load('@modelcontextprotocol/client')), ...(await load('@modelcontextprotocol/client/stdio')) };
const legacy = {
  ...(await load('@modelcontextprotocol/sdk/client/index.js')),
  ...(await load('@modelcontextprotocol/sdk/client/stdio.js')),
};

const server = ['node', path.join(parts, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'];
const gated = [countersign, 'mcp', ...JSON.parse(E2E_GATE), '--server', 'everything', '--', ...server];

const CALLS = [
  ['echo', { message: 'h\u00e9 \u{1f600} \u0001' }],
  ['echo', {}],
  ['get-sum', { a: 0.1, b: 9007199254740993 }],
  ['get-sum', { a: 'one' }],
  ['get-annotated-message', { messageType: 'error', includeImage: true }],
  ['get-resource-links', { count: 3 }],
  ['get-resource-reference', { resourceType: 'Blob', resourceId: 2 }],
  ['get-structured-content', { location: 'Chicago' }],
  ['get-tiny-image', {}],
  ['get-env', {}],
  ['no-such-tool', {}],
  ['trigger-long-running-operation', { duration: 1, steps: 4 }],
];

let count = 0;
let failed = 0;
function check(name, good, seen) {
  count += 1;
  failed += good ? 0 : 1;
  console.log(`${good ? 'ok' : 'not ok'} - ${name}`);
  if (!good) console.log('  # seen:', JSON.stringify(seen)?.slice(0, 2000));
}

function same(left, right) {
  try {
    assert.deepStrictEqual(left, right);
    return true;
  } catch {
    return false;
  }
}

// What depends on the moment, also where a blob holds it.
const TIME = /\d{4}-\d\d-\d\dT[\d:.]+Z|\d{1,2}:\d\d:\d\d( [AP]M)?/g;
const opened = (key, value) => (key === 'blob' ? Buffer.from(value, 'base64').toString('latin1') : value);
const steady = (value) => JSON.parse(JSON.stringify(value, opened).replace(TIME, 'TIME'));

async function outcome(run) {
  try {
    return { result: steady(await run()) };
  } catch (error) {
    return { error: { code: error.code, message: error.message } };
  }
}

async function observe(sdk, command, options) {
  const client = new sdk.Client({ name: 'e2e', version: '1.0.0' }, options);
  const env = { PATH: process.env.PATH, COUNTERSIGN_KEY: secret };
  const transport = new sdk.StdioClientTransport({ command: command[0], args: command.slice(1), env, stderr: 'ignore' });
  await client.connect(transport);
  const seen = { server: client.getServerVersion(), capabilities: client.getServerCapabilities() };
  seen.tools = await outcome(() => client.listTools());
  seen.prompts = await outcome(() => client.listPrompts());
  seen.resources = await outcome(() => client.listResources());
  seen.templates = await outcome(() => client.listResourceTemplates());
  const uri = seen.resources.result?.resources?.[0]?.uri;
  if (uri) seen.resource = await outcome(() => client.readResource({ uri }));
  seen.calls = [];
  for (const [name, args] of CALLS) {
    const progress = [];
    // The last step comes together with the answer: whether a client still reports it is a race.
    const onprogress = (step) => step.progress < step.total && progress.push([step.progress, step.total]);
    const call = { name, arguments: args };
    const run = () =>
      sdk === legacy ? client.callTool(call, undefined, { onprogress }) : client.callTool(call, { onprogress });
    seen.calls.push({ ...(await outcome(run)), progress });
  }
  await client.close();
  return seen;
}

for (const [name, sdk, options] of [
  ['client 2.x, legacy', modern, {}],
  ['client 2.x, auto', modern, { versionNegotiation: { mode: 'auto' } }],
  ['sdk 1.x', legacy, {}],
]) {
  const direct = await observe(sdk, server, options);
  const through = await observe(sdk, gated, options);
  for (const what of ['server', 'capabilities', 'tools', 'prompts', 'resources', 'templates', 'resource']) {
    check(`${name}: ${what} are the same`, same(direct[what], through[what]), through[what]);
  }
  CALLS.forEach(([tool], at) => {
    const [left, right] = [direct.calls[at], through.calls[at]];
    if (tool === 'get-env') {
      check(`${name}: the server sees no secret of ours`, !JSON.stringify(right).includes(secret), right);
      check(`${name}: though it would directly`, JSON.stringify(left).includes(secret), left);
    } else {
      check(`${name}: ${tool} ${JSON.stringify(CALLS[at][1]).slice(0, 60)} gives the same`, same(left, right), [left, right]);
    }
  });
}

console.log(`${count - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
