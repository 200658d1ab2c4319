// What a function returns before it has done anything: recorded as succeeded, it would run later, with nobody to say what came of it.

/** Throws TypeError for a generator function. `async` says that generators of asynchronous functions are run by whoever asks. */
export function refuseGenerator(run: unknown, { async = false } = {}): void {
  const kind = Object.prototype.toString.call(run);
  if (kind === "[object GeneratorFunction]" || (kind === "[object AsyncGeneratorFunction]" && !async)) {
    throw new TypeError("a generator function does nothing when it is called, and cannot be guarded: guard a function that does it");
  }
}

/** Throws TypeError for what a generator is, or is like: nobody has run it to its end. */
export function requireDone(result: unknown): void {
  if (typeof result !== "object" || result === null || !(Symbol.iterator in result || Symbol.asyncIterator in result)) return;
  if ("next" in result && typeof result.next === "function") {
    throw new TypeError("a generator or cursor was returned: whatever it would do is not done. Guard a function that runs it to its end");
  }
}
