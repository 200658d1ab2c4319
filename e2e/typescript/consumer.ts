// A consumer of the packed package: only types are looked at.

import { ApprovalPending, Client, type GuardOptions, Refused } from "countersign";
import { guardTools } from "countersign/ai-sdk";
import { guardTool } from "countersign/openai-agents";
import { type Report, passed, readTrust, verifyStory } from "countersign/verify";

const gate = new Client({ url: "http://127.0.0.1:8640", key: "k", agent: "billing" });
const options: GuardOptions = { category: "payment", waitS: 0, signal: new AbortController().signal };

export const refund: (args: { order: string; amount: number }) => Promise<{ id: string }> = gate.guarded(
  ({ order, amount }: { order: string; amount: number }, action) => ({ id: `${order}${amount}${action.id}` }),
  { tool: "payments/refund", ...options },
);
export const length: Promise<number> = gate.guard("notes/write", { text: "x" }, (payload) => String(payload["text"]).length);

export const tools = guardTools(gate, { refund: { execute: async (input: { order: string }) => input.order } }, { server: "payments", each: { refund: { category: "payment" } } });
export const order: Promise<string> = tools.refund.execute({ order: "o-1" });
const make = <T>(options: { name: string; execute: (input: T) => unknown }) => options.name;
export const named: string = guardTool(gate, make, { server: "payments" })({ name: "refund", execute: (input: { order: string }) => input.order });

export async function verdict(story: Uint8Array): Promise<boolean> {
  const report: Report = await verifyStory(story, [], await readTrust("quorum none\n"));
  return passed(report) && report.verdicts[0]?.verdict === "PASS";
}

export const explain = (error: unknown): string =>
  error instanceof Refused ? error.problemName : error instanceof ApprovalPending ? (error.action ?? "") : "";

// @ts-expect-error a category that there is not
gate.guarded((args: { n: number }) => args.n, { tool: "a/b", category: "pay" });
// @ts-expect-error an option for a tool that there is not
guardTools(gate, { refund: { execute: () => 1 } }, { server: "payments", each: { refnd: {} } });
// @ts-expect-error arguments of another kind
refund({ order: 1, amount: 1 });
