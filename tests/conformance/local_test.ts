import { half, LOCAL, local } from "./local_pair.ts";
import { conformance, FULL } from "./suite.ts";

conformance("native to native", local, LOCAL);
conformance("native to memory", () => half("source"), FULL);
conformance("memory to native", () => half("destination"), LOCAL);
