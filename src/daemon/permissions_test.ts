import assert from "node:assert/strict";
import { type DaemonConfig, DEFAULTS } from "./config.ts";
import { moduleOf } from "./config_parse.ts";
import { needsOf, withinNeeds } from "./permissions.ts";

const PLAIN = moduleOf({ name: "a", path: "/srv/a" });
const FILLED = moduleOf({ name: "b", path: "/srv/b", delegation: ["nas"] });
const config = (over: Partial<DaemonConfig>): DaemonConfig => ({ ...DEFAULTS, ...over });

Deno.test("a daemon pulls where a module may be filled, and announces itself off loopback", () => {
  assert.deepEqual(needsOf(config({ modules: [PLAIN] })), { pulls: false, announces: false });
  assert.deepEqual(needsOf(config({ modules: [PLAIN, FILLED], bind: "0.0.0.0" })), {
    pulls: true,
    announces: true,
  });
  assert.equal(needsOf(config({ bind: "0.0.0.0", discovery: false })).announces, false);
});

Deno.test("a delegation that comes while the daemon runs waits for the next start, where it can't be", () => {
  const wanted = config({ modules: [PLAIN, FILLED] });
  const without = withinNeeds(wanted, { pulls: false, announces: true });
  assert.deepEqual(without.left, ["delegation"]);
  assert.deepEqual(without.config.modules.map(({ delegation }) => delegation), [[], []]);
  assert.deepEqual(withinNeeds(wanted, { pulls: true, announces: false }), {
    config: wanted,
    left: [],
  });
  const plain = config({ modules: [PLAIN] });
  assert.deepEqual(withinNeeds(plain, { pulls: false, announces: false }).left, []);
});
