import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { LONGEST_TOKEN, TOKEN_LIFE_MS, TokenOffice } from "./token.ts";

const PURPOSE = { use: "stream", session: "s".repeat(43), stream: 1 } as const;
const REFUSED = { kind: "unauthenticated" };

Deno.test("a token is good once", async () => {
  const office = new TokenOffice<number>("instance");
  const token = await office.sign(PURPOSE, 7);
  assert.ok(token.length <= LONGEST_TOKEN);
  const taken = await Promise.allSettled([
    office.redeem(token, "stream"),
    office.redeem(token, "stream"),
  ]);
  assert.deepEqual(taken.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  await assert.rejects(office.redeem(token, "stream"), REFUSED);
});

Deno.test("a session that asks for tokens without end uses up its own alone", async () => {
  const office = new TokenOffice<number>("instance");
  const others = await office.sign({ ...PURPOSE, session: "other" }, 1);
  const tokens: string[] = [];
  for (let i = 0; i < 5000; i++) tokens.push(await office.sign({ ...PURPOSE, stream: i }, i));
  assert.equal((await office.redeem(others, "stream")).terms, 1);
  await office.sign({ ...PURPOSE, session: "third" }, 2);
  await assert.rejects(office.redeem(tokens[0], "stream"), REFUSED);
  assert.equal((await office.redeem(tokens[4999 - 63], "stream")).terms, 4999 - 63);
});

Deno.test("a token says what it is for", async () => {
  const office = new TokenOffice<number>("instance");
  const { session, stream, terms } = await office.redeem(await office.sign(PURPOSE, 7), "stream");
  assert.deepEqual([session, stream, terms], [PURPOSE.session, 1, 7]);
  await assert.rejects(office.redeem(await office.sign(PURPOSE, 7), "read"), REFUSED);
});

Deno.test("an expired token is refused, whatever the wall clock says", async () => {
  let now = 1_000_000;
  const office = new TokenOffice<number>("instance", () => now);
  const token = await office.sign(PURPOSE, 7);
  now += TOKEN_LIFE_MS + 1;
  await assert.rejects(office.redeem(token, "stream"), REFUSED);
  const other = await office.sign(PURPOSE, 7);
  now += TOKEN_LIFE_MS - 1;
  assert.equal((await office.redeem(other, "stream")).terms, 7);
});

Deno.test("forged tokens and those of other processes are refused", async () => {
  const office = new TokenOffice<number>("instance");
  const real = await office.sign(PURPOSE, 7);
  const [head, body, signature] = real.split(".");
  const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${body}.`;
  const forged = await new SignJWT({ use: "stream", stream: 1 })
    .setProtectedHeader({ alg: "HS256" }).setJti("x").setSubject("s").setAudience("instance")
    .setExpirationTime("30s").sign(new Uint8Array(32));
  const foreign = await new TokenOffice<number>("instance").sign(PURPOSE, 7);
  const garbage = ["", "a.b.c", "x".repeat(5000), `${head}.${body}.`, `${head}.${body}.AAAA`];
  for (const token of [...garbage, none, forged, foreign, `${real}x`]) {
    await assert.rejects(office.redeem(token, "stream"), REFUSED, token);
  }
  assert.ok(signature);
  assert.equal((await office.redeem(real, "stream")).terms, 7);
});

Deno.test("a session's tokens end with it", async () => {
  const office = new TokenOffice<number>("instance");
  const token = await office.sign(PURPOSE, 7);
  office.burn(PURPOSE.session);
  await assert.rejects(office.redeem(token, "stream"), REFUSED);
});
