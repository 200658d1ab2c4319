// Vercel AI SDK (`ai`, 6 and 7): tools whose `execute` runs only with exactly what was authorized.

import type { Client, GuardOptions } from "../client.js";
import { refuseGenerator } from "../lazy.js";
import type { JsonObject } from "../verify/json.js";
import { checkBySchema } from "./schema.js";
import { toldOf } from "./told.js";

/** What of the SDK's tools this needs. */
interface Executable {
  inputSchema?: unknown;
  execute?: ((input: never, options: never) => unknown) | undefined;
}

interface ExecutionOptions {
  toolCallId?: string;
  abortSignal?: AbortSignal;
}

export interface GuardToolsOptions<Name extends string = string> extends GuardOptions {
  /** The tools' server, as policy names them: `server/name`. */
  server: string;
  /** More of single tools, such as their category. */
  each?: { [name in Name]?: GuardOptions & { tool?: string } };
}

/**
 * The same tools, under the gate. What a call would do is its input; where it does not run the SDK hands the model a tool error with
 * why: denied, or pending (the same call again gets on once people have decided).
 *
 * Throws TypeError for a tool without `execute`: it runs elsewhere, and nothing here could hold it.
 */
export function guardTools<Tools extends { [name: string]: Executable }>(
  gate: Client,
  tools: Tools,
  { server, each = {}, ...common }: GuardToolsOptions<keyof Tools & string>,
): Tools {
  const unknown = Object.keys(each).filter((name) => !Object.hasOwn(tools, name));
  if (unknown.length > 0) throw new TypeError(`no such tool: ${unknown.join(", ")}`);
  const guarded = Object.entries(tools).map(([name, tool]) => {
    const own: GuardOptions & { tool?: string } = (Object.hasOwn(each, name) && each[name as keyof typeof each]) || {};
    return [name, guardTool(gate, own.tool ?? `${server}/${name}`, tool, { ...common, ...own })];
  });
  return Object.fromEntries(guarded) as Tools;
}

function guardTool<Tool extends Executable>(gate: Client, name: string, tool: Tool, options: GuardOptions): Tool {
  const execute = tool.execute as ((input: JsonObject, options: ExecutionOptions) => unknown) | undefined;
  if (typeof execute !== "function") throw new TypeError(`${name} has no execute: it runs elsewhere, and cannot be guarded here`);
  refuseGenerator(execute, { async: true });
  const check = (payload: JsonObject) => checkBySchema(tool.inputSchema, payload);
  const run = async (input: object, call: ExecutionOptions = {}) => {
    const { toolCallId, abortSignal } = call;
    const more = { check, ...options, ...(toolCallId && { callId: toolCallId }), ...(abortSignal && { signal: abortSignal }) };
    let ran = false;
    try {
      return await gate.guard(name, input, (payload) => ((ran = true), last(execute.call(tool, payload, call))), more);
    } catch (error) {
      // The SDK tells the model an error's message, and hands the error itself to the application.
      const told = toldOf(error, ran);
      if (told !== undefined && error instanceof Error) error.message = told;
      throw error;
    }
  };
  return Object.assign(Object.create(Object.getPrototypeOf(tool) as object | null) as Tool, tool, { execute: run });
}

/** What a tool returns; of one that yields preliminary results, the last. */
async function last(returned: unknown): Promise<unknown> {
  const result = await returned;
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return result;
  let final: unknown;
  for await (const part of result as AsyncIterable<unknown>) final = part;
  return final;
}
