// A server of the modern era (2026-07-28) on the TypeScript SDK, with the tools that the conformance suite asks for.
// Prints its port once it listens.

import { createServer } from "node:http";

import { toNodeHandler } from "@modelcontextprotocol/node";
import {
  McpServer, acceptedContent, createMcpHandler, createRequestStateCodec, fromJsonSchema, inputRequired,
} from "@modelcontextprotocol/server";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const NONE = fromJsonSchema({ type: "object", properties: {} });
const object = (properties, required = []) => fromJsonSchema({ type: "object", properties, required });
const text = (said) => ({ content: [{ type: "text", text: said }] });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const states = createRequestStateCodec({ key: new Uint8Array(32).fill(7) });
let executed = 0;

function answers(ctx, name, schema, message) {
  const said = acceptedContent(ctx.mcpReq.inputResponses, name);
  return said ? { said } : { ask: { [name]: inputRequired.elicit({ message, requestedSchema: schema }) } };
}

const NAME = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const OK = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };

function build() {
  const server = new McpServer({ name: "modern", version: "1" }, { requestState: { verify: states.verify } });
  const tool = (name, schema, run, more = {}) =>
    server.registerTool(name, { description: name, inputSchema: schema, ...more }, run);
  tool("test_simple_text", NONE, async () => text("This is a simple text response for testing."));
  tool("test_image_content", NONE, async () => ({ content: [{ type: "image", data: PIXEL, mimeType: "image/png" }] }));
  tool("test_audio_content", NONE, async () => ({ content: [{ type: "audio", data: "UklGRg==", mimeType: "audio/wav" }] }));
  tool("test_embedded_resource", NONE, async () => ({
    content: [{ type: "resource", resource: { uri: "test://embedded", mimeType: "text/plain", text: "embedded" } }],
  }));
  tool("test_multiple_content_types", NONE, async () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PIXEL, mimeType: "image/png" },
      { type: "resource", resource: { uri: "test://mixed", mimeType: "application/json", text: "{}" } },
    ],
  }));
  tool("test_error_handling", NONE, async () => ({ isError: true, content: [{ type: "text", text: "This tool intentionally returns an error for testing" }] }));
  tool("test_tool_with_progress", NONE, async (_, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
      }
      await pause(20);
    }
    return text("done");
  });
  tool("test_custom_headers", object({
    region: { type: "string", "x-mcp-header": "Region" },
    priority: { type: "integer", "x-mcp-header": "Priority" },
    verbose: { type: "boolean", "x-mcp-header": "Verbose" },
    query: { type: "string" },
  }), async (args) => text(JSON.stringify(args, Object.keys(args).sort())));
  tool("test_input_required_result_elicitation", NONE, async (_, ctx) => {
    const { said, ask } = answers(ctx, "user_name", NAME, "What is your name?");
    return said ? text(`Hello, ${said.name}!`) : inputRequired({ inputRequests: ask });
  });
  tool("test_input_required_result_request_state", NONE, async (_, ctx) => {
    const { said, ask } = answers(ctx, "confirm", OK, "Please confirm");
    if (said && ctx.mcpReq.requestState()) return text("state-ok");
    return inputRequired({ inputRequests: ask, requestState: await states.mint({ round: 1 }) });
  });
  tool("slow", object({ ms: { type: "integer" } }), async ({ ms }, ctx) => {
    await new Promise((done) => {
      const timer = setTimeout(done, ms);
      ctx.mcpReq.signal.addEventListener("abort", () => { clearTimeout(timer); done(); });
    });
    return text(ctx.mcpReq.signal.aborted ? "aborted" : "slept");
  });
  tool("count", NONE, async () => text(String(++executed)), { annotations: { destructiveHint: true } });
  server.registerPrompt("test_simple_prompt", { description: "simple" }, async () => ({
    messages: [{ role: "user", content: { type: "text", text: "This is a simple prompt for testing." } }],
  }));
  server.registerResource("static", "test://static-text", { mimeType: "text/plain" }, async (uri) => ({
    contents: [{ uri: uri.href, mimeType: "text/plain", text: "This is the content of the static text resource." }],
  }));
  return server;
}

const handler = toNodeHandler(createMcpHandler(build, { legacy: process.env.MODERN_ONLY ? "reject" : undefined }));
const server = createServer((request, response) => {
  if (process.env.TOKEN && request.headers.authorization !== `Bearer ${process.env.TOKEN}`) {
    response.writeHead(401, { "www-authenticate": "Bearer" }).end();
    return;
  }
  handler(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
