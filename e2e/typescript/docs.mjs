// Every block of docs/typescript.md, in its order: a newcomer's five minutes.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { once } from "node:events";
import { createServer } from "node:net";

const binary = path.resolve(process.env.COUNTERSIGN_BIN);
const { check, finish, until } = await import("./gate.mjs");

const probe = createServer().listen(0, "127.0.0.1");
await once(probe, "listening");
const { port } = probe.address();
probe.close();

const page = readFileSync("typescript.md", "utf8").replaceAll("127.0.0.1:8640", `127.0.0.1:${port}`);
const blocks = [...page.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map(([, language, name, text]) => ({ language, name, text }));
check("every block says what it is", blocks.length === page.match(/^```/gm).length / 2 && blocks.every(({ language, name }) => language === "sh" || (language === "ts" && name.endsWith(".ts"))), blocks.map(({ language, name }) => `${language} ${name}`).join(", "));

const work = mkdtempSync(path.join(tmpdir(), "countersign-typescript-docs-"));
mkdirSync(path.join(work, "bin"));
symlinkSync(binary, path.join(work, "bin", "countersign"));
symlinkSync(path.resolve("node_modules"), path.join(work, "node_modules"));
writeFileSync(path.join(work, "package.json"), '{"type":"module"}');
const env = { ...process.env, PATH: `${path.join(work, "bin")}:${process.env.PATH}`, HOME: work, COUNTERSIGN_DATA: path.join(work, "countersign-try") };

for (const { name, text } of blocks.filter((one) => one.language === "ts")) writeFileSync(path.join(work, name), text);
const run = (command, ...line) => execFileSync(command, line, { cwd: work, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const attempt = (name, work) => {
  try {
    const said = work();
    check(name, true);
    return said;
  } catch (error) {
    check(name, false, `${error.message}${error.stdout ?? ""}`);
    return "";
  }
};
const files = blocks.filter((one) => one.language === "ts").map((one) => one.name);
attempt("its programs type-check, strictly", () => run("node_modules/typescript/bin/tsc", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node", "--skipLibCheck", ...files));

let server;
const said = {};
for (const { language, name, text } of blocks) {
  if (name === "build" || name === "install") continue; // run.sh packs and installs it.
  if (name === "serve") {
    server = spawn("bash", ["-c", text.replace("countersign serve", "exec countersign serve")], { cwd: work, env, stdio: ["ignore", "ignore", "inherit"] });
    await until(async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.ok);
  } else if (language === "sh") {
    // What a person reads off the screen, and does at a terminal.
    const [, id] = /waits for approval: (\S+)/.exec(said["refund.ts"] ?? "") ?? [];
    const typed = text.replace(/ ID /g, ` ${id} `).replace(/^countersign review approve .*$/m, "$& --yes");
    attempt(`it runs: ${text.split("\n")[0]}`, () => run("bash", "-euc", typed));
  }
  else said[name] = attempt(`${name} runs`, () => run(process.execPath, name.replace(".ts", ".js")));
  if (name === "refund.ts") check("what is allowed runs, what is large waits", said[name].includes("refunded: 20") && said[name].includes("waits for approval:"), said[name]);
}
const again = attempt("the approved call runs", () => run(process.execPath, "refund.js"));
check("the identical call redeems the approval", again.includes("refunded: 700"), again);
const verdicts = said["verify.ts"];
check("the story verifies", ["authenticity", "integrity", "conformance"].every((one) => verdicts.includes(`PASS ${one}`)) && !verdicts.includes("FAIL"), verdicts);
/** Runs the page's verification after something was done to the evidence. */
const refused = (spoil) => {
  spoil();
  try {
    return run(process.execPath, "verify.js") === null;
  } catch (error) {
    return `${error.stderr}`.includes("not to be believed");
  }
};
const proofs = path.join(work, "proofs");
const [first] = readdirSync(proofs);
check("without the proof of one record it is refused, though nothing fails", refused(() => rmSync(path.join(proofs, first))));
check("without any as well", refused(() => readdirSync(proofs).forEach((name) => rmSync(path.join(proofs, name)))));
check("the flow ends on record", said["flow.ts"].trim() === "succeeded", said["flow.ts"]);
server.kill("SIGTERM");
await once(server, "exit");
rmSync(work, { recursive: true, force: true });
finish();
