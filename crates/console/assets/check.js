// The button on an action's page: checks its records in the browser with the verifier that the TypeScript SDK ships.
// Nothing here trusts the server but for what it is told to trust.

import { canonical, readTrust, verifyStory } from "./verify.js";

/** Of several answers the worst, and why. */
function worstOf(answers) {
  const worst = ["FAIL", "NOT CHECKED", "PASS"].map((verdict) => answers.find((one) => one.verdict === verdict)).find(Boolean);
  return { verdict: worst.verdict, why: worst.findings[0]?.what ?? worst.what };
}

const told = (record) => ({
  position: BigInt(record.dataset.position),
  envelope: record.querySelector("pre").textContent,
  disclosures: [],
});

/** Whether one record is in the signed log. */
async function check(record, trust) {
  let proof;
  try {
    const answer = await fetch(`/v1/records/${record.dataset.position}/proof`, { credentials: "same-origin" });
    if (!answer.ok) return { verdict: "NOT CHECKED", why: (await answer.json()).detail };
    proof = new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    return { verdict: "NOT CHECKED", why: `the proof could not be fetched: ${error.message}` };
  }
  const { verdicts, log } = await verifyStory(canonical({ records: [told(record)] }), [proof], trust);
  const found = worstOf(verdicts.filter((one) => ["authenticity", "integrity"].includes(one.question)));
  return found.verdict === "PASS" ? { verdict: "PASS", why: `in the signed log of ${log.size} records` } : found;
}

/** Whether the records follow from each other by the rules of the format; their sealed fields stay closed here. */
async function follow(records) {
  const { verdicts } = await verifyStory(canonical({ records: records.map(told) }), [], null);
  return worstOf(verdicts.filter((one) => ["integrity", "conformance"].includes(one.question)));
}

const button = document.querySelector("[data-verify]");
button?.addEventListener("click", async () => {
  button.disabled = true;
  const said = document.querySelector("[data-verify-all]");
  try {
    const trust = await readTrust(`log ${button.dataset.verify}\nquorum none\n`);
    const records = [...document.querySelectorAll("[data-envelope]")];
    const verdicts = [];
    for (const record of records) {
      const badge = record.querySelector("[data-verdict]");
      badge.textContent = "…";
      const { verdict, why } = await check(record, trust);
      badge.textContent = `${verdict}: ${why}`;
      badge.className = `badge ${{ PASS: "good", FAIL: "bad" }[verdict] ?? "warn"}`;
      verdicts.push(verdict);
    }
    const { verdict, why } = await follow(records);
    // Nothing to check is nothing checked.
    const worst = ["FAIL", "NOT CHECKED"].find((one) => [...verdicts, verdict].includes(one)) ?? "PASS";
    const broken = verdict === "FAIL" ? ` They do not follow from each other: ${why}.` : "";
    said.textContent = `${worst}: ${records.length} records.${broken} The log's key came from this very server: compare it with your own trust file.`;
  } catch (error) {
    said.textContent = `FAIL: ${error.message}`;
  }
  button.disabled = false;
});
