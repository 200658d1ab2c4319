// Checks evidence in the browser: leaf hash, inclusion (RFC 6962 §2.1.1), checkpoint signature (C2SP signed-note, Ed25519).
// Bytes in, verdict out; nothing here trusts the server but for what it is told to trust.

const encoder = new TextEncoder();
const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const sha256 = async (...parts) => {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
};
const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** The Merkle leaf hash of an envelope. */
export const leafHash = (envelope) => sha256(Uint8Array.of(0), encoder.encode(envelope));
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** The root that an inclusion proof leads to; throws where the proof has another length than index and size demand. */
export async function rootOf(leaf, index, size, proof) {
  if (index >= size) throw new Error("the index lies outside the tree");
  let hash = leaf;
  let [node, last] = [index, size - 1n];
  for (const sibling of proof) {
    if (last === 0n) throw new Error("the proof is too long");
    if (node % 2n === 1n || node === last) {
      hash = await nodeHash(sibling, hash);
      while (node % 2n === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
    } else {
      hash = await nodeHash(hash, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new Error("the proof is too short");
  return hash;
}

/** Reads a C2SP tlog-proof: index, hashes, and the checkpoint behind them. */
export function readProof(text) {
  const end = text.indexOf("\n\n");
  const [head, ...lines] = text.slice(0, end).split("\n");
  if (end < 0 || head !== "c2sp.org/tlog-proof@v1") throw new Error("this is no tlog-proof");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const index = /^index (\d+)$/.exec(lines.shift() ?? "");
  if (!index) throw new Error("the proof names no index");
  return { index: BigInt(index[1]), hashes: lines.map(fromBase64), checkpoint: text.slice(end + 2) };
}

/** Reads a checkpoint: origin, size, root, the signed text, and the signatures below it. */
export function readCheckpoint(note) {
  const end = note.indexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  const signatures = note
    .slice(end + 2)
    .split("\n")
    .map((line) => /^— (\S+) (\S+)$/.exec(line))
    .filter(Boolean)
    .map(([, name, blob]) => ({ name, blob: fromBase64(blob) }));
  return { origin, size: BigInt(size), root: fromBase64(root), text, signatures };
}

/** Whether the log's key (`<name>+<hash>+<key>`) signed the checkpoint; null where this browser cannot tell. */
export async function signedBy(checkpoint, vkey) {
  const [name, hash, key] = [vkey.split("+")[0], vkey.split("+")[1], fromBase64(vkey.split("+").slice(2).join("+"))];
  if (key[0] !== 1) return null;
  const id = (await sha256(encoder.encode(`${name}\n`), key)).slice(0, 4);
  if (id.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "") !== hash) return false;
  const signature = checkpoint.signatures.find((one) => one.name === name && equal(one.blob.slice(0, 4), id));
  if (!signature || checkpoint.origin !== name) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, imported, signature.blob.slice(4), encoder.encode(checkpoint.text));
  } catch (error) {
    if (error.name === "NotSupportedError") return null;
    throw error;
  }
}

/** One record: `{ verdict: "PASS" | "FAIL" | "NOT CHECKED", why }`. */
export async function checkRecord(envelope, position, proofText, vkey) {
  try {
    const proof = readProof(proofText);
    if (proof.index !== BigInt(position)) return { verdict: "FAIL", why: "the proof is of another position" };
    const checkpoint = readCheckpoint(proof.checkpoint);
    const root = await rootOf(await leafHash(envelope), proof.index, checkpoint.size, proof.hashes);
    if (!equal(root, checkpoint.root)) return { verdict: "FAIL", why: "the record is not the one in the signed log" };
    const signed = await signedBy(checkpoint, vkey);
    if (signed === false) return { verdict: "FAIL", why: "the checkpoint is not signed by the log's key" };
    if (signed === null) return { verdict: "NOT CHECKED", why: "this browser cannot check Ed25519 signatures" };
    return { verdict: "PASS", why: `in the signed log of ${checkpoint.size} records` };
  } catch (error) {
    return { verdict: "FAIL", why: error.message };
  }
}

async function check(record, vkey) {
  try {
    const answer = await fetch(`/v1/records/${record.dataset.position}/proof`, { credentials: "same-origin" });
    const text = await answer.text();
    if (answer.ok) return await checkRecord(record.querySelector("pre").textContent, record.dataset.position, text, vkey);
    return { verdict: "NOT CHECKED", why: JSON.parse(text).detail };
  } catch (error) {
    return { verdict: "NOT CHECKED", why: `the proof could not be fetched: ${error.message}` };
  }
}

// The button on an action's page.
const button = globalThis.document?.querySelector("[data-verify]");
button?.addEventListener("click", async () => {
  button.disabled = true;
  const verdicts = [];
  for (const record of document.querySelectorAll("[data-envelope]")) {
    const said = record.querySelector("[data-verdict]");
    said.textContent = "…";
    const { verdict, why } = await check(record, button.dataset.verify);
    said.textContent = `${verdict}: ${why}`;
    said.className = `badge ${{ PASS: "good", FAIL: "bad" }[verdict] ?? "warn"}`;
    verdicts.push(verdict);
  }
  // Nothing to check is nothing checked.
  const worst = ["FAIL", "NOT CHECKED"].find((one) => verdicts.includes(one));
  const all = worst ?? (verdicts.length > 0 ? "PASS" : "NOT CHECKED");
  const said = document.querySelector("[data-verify-all]");
  said.textContent = `${all}: ${verdicts.length} records. The log's key came from this very server: compare it with your own trust file.`;
  button.disabled = false;
});
