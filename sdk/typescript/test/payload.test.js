import assert from "node:assert/strict";
import { test } from "node:test";

import { ExactNumber } from "../dist/index.js";
import { asProposed, exact, exactObject, recordable } from "../dist/payload.js";
import { canonical, parse } from "../dist/verify/json.js";

test("a number is of the narrowest kind that holds it exactly", () => {
  const [small, beyond, half, fine] = parse("[9007199254740991, 9007199254740993, 0.5, 0.1000000000000000055]");
  assert.deepEqual([small, beyond, half], [9007199254740991, 9007199254740993n, 0.5]);
  assert.ok(fine instanceof ExactNumber);
  assert.equal(canonical([small, beyond, half, fine]), "[9007199254740991,9007199254740993,0.5,1.000000000000000055e-1]");
  assert.equal(canonical([10n ** 21n, 1e21, -0, 5n]), "[1e+21,1e+21,0,5]");
});

test("a number of any length is refused in the time that it takes to read it", () => {
  for (const text of [`1${"0".repeat(900_000)}1`, `0.${"0".repeat(900_000)}1`, `1e${"9".repeat(900_000)}`]) {
    assert.throws(() => parse(text), { name: "JsonError" });
  }
  assert.equal(parse(`0.${"0".repeat(900_000)}`), 0);
});

test("a payload is a copy: later changes, getters and prototypes do not reach it", () => {
  let reads = 0;
  const given = {
    list: [{ a: 1 }],
    get amount() {
      reads += 1;
      return reads;
    },
  };
  const copy = exactObject(given);
  given.list[0].a = 2;
  assert.deepEqual(copy, { list: [{ a: 1 }], amount: 1 });
  const hostile = parse('{"__proto__":{"admin":true},"constructor":1}');
  assert.equal(hostile.admin, undefined);
  assert.equal(canonical(exact(hostile)), '{"__proto__":{"admin":true},"constructor":1}');
  assert.equal({}.admin, undefined);
});

test("what JSON does not hold is refused, not bent", () => {
  class Money {}
  const endless = [];
  endless.push(endless);
  for (const value of [new Date(), new Money(), new Map(), Number.NaN, Infinity, Symbol("s"), () => 0, [undefined], "\udc00", endless, { a: 1n, b: new Set() }]) {
    assert.throws(() => exact(value), TypeError);
  }
  for (const value of [null, [], "text", 1]) assert.throws(() => exactObject(value), TypeError);
  assert.deepEqual(exact({ a: undefined, b: null }), { b: null });
});

test("an edit keeps the kinds of numbers that the caller used, where that is exact", () => {
  assert.deepEqual(asProposed(parse('{"a":10,"b":10,"c":[1],"d":9007199254740993}'), { a: 1n, b: 1, c: [2n], d: 1 }), { a: 10n, b: 10, c: [1n], d: 9007199254740993n });
});

test("a result that is no JSON is recorded as what it says", () => {
  assert.deepEqual(recordable({ at: new Date(0), none: undefined }), { at: "1970-01-01T00:00:00.000Z" });
  assert.deepEqual(recordable(Symbol("s")), { text: "Symbol(s)" });
  const endless = {};
  endless.self = endless;
  assert.deepEqual(recordable(endless), { text: "[object Object]" });
  const throwing = () => {
    throw new Error("no");
  };
  const hostile = { big: 1n, self: endless, lone: "\ud800", toJSON: throwing, toString: throwing, get more() { return throwing(); } };
  const proxy = new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing });
  for (const value of [hostile, proxy, Object.assign(Object.create(null), { endless })]) {
    assert.deepEqual(recordable(value), { text: "a result that cannot be written down" });
  }
});
