// One call that people decide about, by a real client: argv {gate, key, ms}. Prints what its tool's result says.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const { gate, key, cancel } = JSON.parse(process.argv[2]);
const client = new Client({ name: "e2e-held", version: "1" }, { versionNegotiation: { mode: "auto" } });
const requestInit = { headers: { authorization: `Bearer ${key}` } };
await client.connect(new StreamableHTTPClientTransport(new URL(`${gate}/mcp/modern`), { requestInit }));
const signal = cancel ? AbortSignal.timeout(cancel) : undefined;
const progress = [];
try {
  const options = { onprogress: (told) => progress.push(told.message), signal, timeout: 60_000 };
  const told = await client.callTool({ name: "count", arguments: {} }, options);
  console.log(JSON.stringify({ text: told.content[0].text, isError: told.isError === true, progress }));
} catch (error) {
  console.log(JSON.stringify({ error: String(error), progress }));
}
await client.close();
