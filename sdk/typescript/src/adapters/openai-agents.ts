// OpenAI Agents SDK (`@openai/agents`): options for `tool()` whose `execute` runs only with exactly what was authorized.

import type { Client, GuardOptions } from "../client.js";
import type { JsonObject } from "../verify/json.js";
import { checkBySchema } from "./schema.js";
import { toldOf } from "./told.js";

/** What of the SDK's tool options this needs. */
interface Executable {
  name?: string;
  parameters?: unknown;
  execute: (input: never, ...more: never[]) => unknown;
}

interface CallDetails {
  toolCall?: { callId?: string };
  signal?: AbortSignal;
}

export interface GuardToolOptions extends GuardOptions {
  /** The tool as policy names it: `server/name`. */
  tool: string;
}

/**
 * The same options, under the gate: `tool(guardOptions(gate, { name, parameters, execute, … }, { tool: "payments/refund" }))`. What a
 * call would do is its input; where it does not run the model is told why: denied, or pending (the same call again gets on once
 * people have decided). What `execute` throws goes its way through the SDK's `errorFunction`.
 */
export function guardOptions<Options extends Executable>(gate: Client, options: Options, { tool, ...judged }: GuardToolOptions): Options {
  const execute = options.execute as (input: JsonObject, context: unknown, details: unknown) => unknown;
  const check = (payload: JsonObject) => checkBySchema(options.parameters, payload);
  const run = async (input: object, context: unknown, details: CallDetails = {}) => {
    const callId = details.toolCall?.callId;
    const more = { check, ...judged, ...(callId && { callId }), ...(details.signal && { signal: details.signal }) };
    try {
      return await gate.guard(tool, input, (payload) => execute(payload, context, details), more);
    } catch (error) {
      const told = toldOf(error);
      if (told === undefined) throw error;
      return told;
    }
  };
  return { ...options, execute: run };
}
