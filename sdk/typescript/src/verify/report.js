// What a verification found: each question with PASS, FAIL or NOT CHECKED, and the place of every finding.

/** @typedef {"authenticity" | "integrity" | "completeness" | "conformance" | "unknown_types" | "openings" | "signatures"} Question */
/** @typedef {"PASS" | "NOT CHECKED" | "FAIL"} Verdict */
/** @typedef {{ where: string, what: string }} Finding */
/** `what` says what was checked, or why it was not. @typedef {{ question: Question, verdict: Verdict, what: string, findings: Finding[] }} Answer */
/** What the checkpoint says, whether or not it is to be believed. @typedef {{ origin: string, size: bigint, root: string }} LogSeen */
/**
 * @typedef {object} Report
 * @property {LogSeen} [log]
 * @property {import("./lifecycle.js").Matches} [matches] how the executed payloads stand to the approved ones
 * @property {Answer[]} verdicts one per question that was asked
 */

/** @type {Question[]} */
const ORDER = ["authenticity", "integrity", "completeness", "conformance", "unknown_types", "openings", "signatures"];
/** From good to bad. @type {Verdict[]} */
const SEVERITY = ["PASS", "NOT CHECKED", "FAIL"];
const MOST_FINDINGS = 100;

/** Findings of one question while it is being checked. */
export class Findings {
  constructor() {
    /** @type {Finding[]} */
    this.listed = [];
    this.more = 0;
  }

  /** @param {string} where @param {unknown} what */
  add(where, what) {
    if (this.listed.length < MOST_FINDINGS) {
      this.listed.push({ where, what: what instanceof Error ? what.message : String(what) });
    } else {
      this.more += 1;
    }
  }

  /** @param {bigint} position @param {unknown} what */
  at(position, what) {
    this.add(`record ${position}`, what);
  }

  /** FAIL if there are findings, else the given verdict. @param {Question} question @param {Verdict} otherwise @param {string} what */
  judge(question, otherwise, what) {
    return this.answer(question, this.listed.length > 0 ? "FAIL" : otherwise, what);
  }

  /** @param {Question} question @param {Verdict} verdict @param {string} what @returns {Answer} */
  answer(question, verdict, what) {
    const more = this.more > 0 ? [{ where: "…", what: `${this.more} more findings` }] : [];
    return { question, verdict, what, findings: [...this.listed, ...more] };
  }
}

/** One answer per question: the worst verdict, with the findings of all. @param {Answer[]} answers */
export function merge(answers) {
  /** @type {Map<Question, Answer>} */
  const merged = new Map();
  for (const answer of answers) {
    const held = merged.get(answer.question);
    if (!held) {
      merged.set(answer.question, { ...answer, findings: [...answer.findings] });
      continue;
    }
    if (SEVERITY.indexOf(answer.verdict) > SEVERITY.indexOf(held.verdict)) {
      Object.assign(held, { verdict: answer.verdict, what: answer.what });
    }
    held.findings.push(...answer.findings);
  }
  return [...merged.values()].sort((a, b) => ORDER.indexOf(a.question) - ORDER.indexOf(b.question));
}

/** Whether any question failed. @param {Report} report */
export const failed = (report) => report.verdicts.some((answer) => answer.verdict === "FAIL");

/**
 * Whether every question that was asked passed. Sealed fields, and signatures among them, are only asked about where they can
 * be opened.
 * @param {Report} report
 */
export function passed(report) {
  const unasked = (/** @type {Answer} */ answer) =>
    ["openings", "signatures"].includes(answer.question) && answer.verdict === "NOT CHECKED";
  const asked = report.verdicts.filter((answer) => !unasked(answer));
  return asked.length > 0 && asked.every((answer) => answer.verdict === "PASS");
}
