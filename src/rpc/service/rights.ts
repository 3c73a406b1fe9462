/**
 * Rights: what a caller may do in a module.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";

/** Rights by what they include: each has all before it. */
export const ACCESS = ["read", "write", "delete", "admin"] as const;
/** One of {@link ACCESS}. */
export type Access = (typeof ACCESS)[number];

/**
 * What somebody may do in a module: what their access includes, but reading alone where nobody may do more.
 *
 * @param access null: none
 * @param isGranted they come with a read grant
 */
export function rightsIn(
  { readOnly }: { readonly readOnly: boolean },
  access: Access | null,
  isGranted = false,
): readonly Access[] {
  if (access === null) return [];
  return readOnly || isGranted ? ["read"] : ACCESS.slice(0, ACCESS.indexOf(access) + 1);
}

/** Whom a right is asked of. */
export interface RightsHolder {
  readonly rights: readonly Access[];
  /** The module's name; empty for the default root. */
  readonly module: string;
  /** The module can't be written to by anyone. */
  readonly readOnly: boolean;
}

/**
 * Checks a right.
 *
 * @param operation what needs it, as words that follow "Cannot"
 * @throws {BlitError} `read_only` where the module is; `permission` where the caller lacks the right
 */
export function requireRight(holder: RightsHolder, right: Access, operation: string): void {
  if (holder.rights.includes(right)) return;
  const where = moduleWords(holder.module);
  if (holder.readOnly && (right === "write" || right === "delete")) {
    throw new BlitError(
      "read_only",
      `Cannot ${operation} in ${where}: its daemon serves it read-only. ` +
        "Choose another module, or change the daemon's configuration.",
      { operation },
    );
  }
  throw new BlitError(
    "permission",
    `Cannot ${operation} in ${where}: your token has no right to ${right} there. ` +
      `Ask for one with --access ${right}.`,
    { operation },
  );
}

/** A module in a sentence. */
export function moduleWords(module: string): string {
  return module === "" ? "the default root" : `module "${module}"`;
}
