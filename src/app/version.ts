/**
 * The version of this build; a test holds it against deno.json.
 *
 * @module
 */

/** Version of blit. */
export const VERSION = "0.2.0";

/** Day of this version, for the manuals. */
export const RELEASED = "2026-11-24";
