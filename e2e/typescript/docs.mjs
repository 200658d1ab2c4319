// Every block of docs/typescript.md, in its order: a newcomer's five minutes.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from "node:fs";
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
const env = { ...process.env, PATH: `${path.join(work, "bin")}:${process.env.PATH}`, HOME: work, XDG_DATA_HOME: path.join(work, ".local/share") };

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
  } else if (language === "sh") attempt(`it runs: ${text.split("\n")[0]}`, () => run("bash", "-euc", text));
  else said[name] = attempt(`${name} runs`, () => run(process.execPath, name.replace(".ts", ".js")));
  if (name === "refund.ts") check("what is allowed runs, what is large waits", said[name].includes("refunded: 20") && said[name].includes("waits for approval:"), said[name]);
}
const proofs = readdirSync(work).filter((name) => name.endsWith(".tlog-proof"));
for (const name of proofs) renameSync(path.join(work, name), path.join(work, `${name}.away`));
let content = true;
try { run(process.execPath, "verify.js"); } catch { content = false; }
check("a story without proofs is not enough", proofs.length > 0 && !content);
const again = attempt("the approved call runs", () => run(process.execPath, "refund.js"));
check("the identical call redeems the approval", again.includes("refunded: 700"), again);
check("the story verifies", said["verify.ts"].includes("PASS authenticity") && said["verify.ts"].includes("PASS conformance") && said["verify.ts"].includes("PASS integrity") && !said["verify.ts"].includes("FAIL"), said["verify.ts"]);
check("the flow ends on record", said["flow.ts"].trim() === "succeeded", said["flow.ts"]);
server.kill("SIGTERM");
await once(server, "exit");
rmSync(work, { recursive: true, force: true });
finish();
