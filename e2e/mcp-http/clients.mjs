// Real clients of both generations, directly and through the gateway: what they are told must be the same.
//
// argv: {gate, key, direct: {NAME: URL}, token}; every line printed is a check.

import assert from "node:assert";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const { gate, key, direct, token } = JSON.parse(process.argv[2]);
const ABOUT = { name: "e2e-client", version: "1" };
let failed = 0;
function check(name, good, seen) {
  failed += good ? 0 : 1;
  console.log(`${good ? "ok" : "not ok"} - ${name}`);
  if (!good) console.log("  # seen:", JSON.stringify(seen)?.slice(0, 2000));
}
function same(name, one, other) {
  try {
    assert.deepStrictEqual(one, other);
    check(name, true);
  } catch {
    check(name, false, [one, other]);
  }
}

const KINDS = {
  "sdk 1": (url, secret) => [new OldClient(ABOUT), new OldTransport(new URL(url), { requestInit: auth(secret) })],
  "client 2": (url, secret) => [
    new Client(ABOUT, { versionNegotiation: { mode: "auto" } }),
    new StreamableHTTPClientTransport(new URL(url), { requestInit: auth(secret) }),
  ],
};
const auth = (secret) => ({ headers: { authorization: `Bearer ${secret}` } });

async function within(kind, url, secret, use) {
  const [client, transport] = KINDS[kind](url, secret);
  await client.connect(transport);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

const CALLS = {
  everything: [
    ["echo", { message: "h\u00e9 \u{1f600} \u0001" }],
    ["get-sum", { a: 0.1, b: 2 }],
    ["get-sum", { a: "one" }],
    ["get-structured-content", { location: "Chicago" }],
    ["get-tiny-image", {}],
    ["no-such-tool", {}],
    ["trigger-long-running-operation", { duration: 1, steps: 4 }],
  ],
  modern: [
    ["test_simple_text", {}],
    ["test_error_handling", {}],
    ["test_custom_headers", { region: "Z\u00fcrich", priority: 42, verbose: false, query: "x" }],
    ["test_tool_with_progress", {}],
    ["no-such-tool", {}],
  ],
};

async function everything(client, name) {
  const progress = [];
  const called = [];
  for (const [tool, args] of CALLS[name]) {
    const options = { onprogress: (told) => progress.push([tool, told.progress, told.total]) };
    try {
      called.push(await client.callTool({ name: tool, arguments: args }, ...(client instanceof OldClient ? [undefined] : []), options));
    } catch (error) {
      called.push({ code: error.code, message: error.message });
    }
  }
  return { tools: (await client.listTools()).tools, called, progress, prompts: (await client.listPrompts()).prompts };
}

for (const [name, url] of Object.entries(direct)) {
  for (const kind of Object.keys(KINDS)) {
    const bare = await within(kind, url, token, (client) => everything(client, name));
    const through = await within(kind, `${gate}/mcp/${name}`, key, (client) => everything(client, name));
    for (const what of Object.keys(bare)) same(`${kind}, ${name}: ${what} are the same`, bare[what], through[what]);
  }
}

for (const kind of Object.keys(KINDS)) {
  const seen = await within(kind, `${gate}/mcp`, key, async (client) => {
    const tools = (await client.listTools()).tools.map((tool) => tool.name);
    const old = await client.callTool({ name: "everything__echo", arguments: { message: "to the old one" } });
    const text = await client.callTool({ name: "modern__test_simple_text", arguments: {} });
    return { tools, old: old.content[0].text, text: text.content[0].text };
  });
  check(`${kind}, all servers: tools of each`, seen.tools.includes("everything__echo") && seen.tools.includes("modern__count"), seen.tools);
  check(`${kind}, all servers: the one of the old era answers`, seen.old === "Echo: to the old one", seen.old);
  check(`${kind}, all servers: the modern one answers`, seen.text.startsWith("This is a simple text"), seen.text);
}

for (const kind of Object.keys(KINDS)) {
  const refused = await within(kind, `${gate}/mcp/modern`, "cs_agent_nobody", async () => "in").catch((error) => String(error));
  check(`${kind}: nobody comes in with a key that is none`, refused !== "in", refused);
}
process.exit(failed === 0 ? 0 : 1);
