// OpenAI Agents SDK (`@openai/agents`): a `tool()` whose `execute` runs only with exactly what was authorized.

import type { Client, GuardOptions } from "../client.js";
import { refuseGenerator } from "../lazy.js";
import type { JsonObject } from "../verify/json.js";
import { checkBySchema } from "./schema.js";
import { toldOf } from "./told.js";

/** What of the SDK's tool options this needs. */
interface Executable {
  name?: string;
  parameters?: unknown;
  execute: (input: JsonObject, context: unknown, details: unknown) => unknown;
}

interface CallDetails {
  toolCall?: { callId?: string };
  signal?: AbortSignal;
}

export interface GuardToolOptions extends GuardOptions {
  /** The tools' server, as policy names them: `server/name`. */
  server: string;
}

/**
 * The SDK's own `tool`, under the gate: `const guarded = guardTool(gate, tool, { server: "payments", category: "payment" })`, and then
 * `guarded({ name, parameters, execute, … })`. What a call would do is its input; where it does not run the model is told why: denied,
 * or pending (the same call again gets on once people have decided). What `execute` throws goes its way through `errorFunction`.
 */
export function guardTool<Make extends (options: never) => unknown>(gate: Client, make: Make, { server, ...judged }: GuardToolOptions): Make {
  const guarded = (options: Executable) => {
    const { execute, parameters } = options;
    const name = options.name ?? execute.name;
    if (!name) throw new TypeError("a tool that is guarded has a name");
    refuseGenerator(execute);
    const check = (payload: JsonObject) => checkBySchema(parameters, payload);
    const run = async (input: object, context: unknown, details: CallDetails = {}) => {
      const callId = details.toolCall?.callId;
      const more = { check, ...judged, ...(callId && { callId }), ...(details.signal && { signal: details.signal }) };
      let ran = false;
      try {
        return await gate.guard(`${server}/${name}`, input, (payload) => ((ran = true), execute.call(options, payload, context, details)), more);
      } catch (error) {
        const told = toldOf(error, ran);
        if (told === undefined) throw error;
        return told;
      }
    };
    return make({ ...options, name, execute: run } as never);
  };
  return guarded as unknown as Make;
}
