/**
 * What a peer that has no business with a one-time token does to it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { LONGEST_TOKEN } from "../../src/net/token.ts";

/** A token as it is shown instead: cut, forged, or as it is where this doesn't change it. */
export function altered(text: string, how: string): string {
  const [head, body, signature] = text.split(".");
  const signed = (claims: string) =>
    `${head}.${claims}.${
      createHmac("sha256", "a guess").update(`${head}.${claims}`).digest("base64url")
    }`;
  switch (how) {
    case "cut":
      return text.slice(0, text.length >> 1);
    case "turned": {
      const middle = text.length >> 1;
      return text.slice(0, middle) + (text[middle] === "A" ? "B" : "A") + text.slice(middle + 1);
    }
    case "longer":
      return text + "x".repeat(LONGEST_TOKEN - text.length);
    case "empty":
      return "";
    case "unsigned":
      return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`;
    case "signed anew":
      return signed(body);
    case "other claims": {
      const claims = JSON.parse(Buffer.from(body, "base64url").toString());
      const later = { ...claims, exp: claims.exp + 3600, stream: claims.stream + 1 };
      return `${head}.${Buffer.from(JSON.stringify(later)).toString("base64url")}.${signature}`;
    }
    default:
      return text;
  }
}
