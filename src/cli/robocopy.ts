/**
 * What who comes from robocopy means. Its switches begin with a slash, and so do paths here: they are told only where an
 * argument is too many.
 *
 * @module
 */

/** Switches, without values, and what to write instead. */
const INSTEAD: readonly (readonly [switches: RegExp, advice: string])[] = [
  [/^(mir|purge)$/, "Write blit mirror instead of blit copy."],
  [/^(mov|move)$/, "Write blit move instead of blit copy."],
  [
    /^(e|s|mt|j|b|zb|copyall|copy|dcopy|np|eta)$/,
    "Leave it out: blit does so, or finds out itself.",
  ],
  [/^l$/, "Write --dry-run."],
  [/^z$/, "Write --resume."],
  [/^r$/, "Write --retry N."],
  [/^w$/, "Write --wait SECONDS."],
  [/^(xf|xd)$/, "Write --exclude NAME; a folder's with a slash behind it."],
  [/^xo$/, "Write --update."],
  [/^(is|it)$/, "Write --force."],
  [/^(nfl|ndl|njs|njh)$/, "Write --quiet."],
];

/**
 * What to write instead of the first of robocopy's arguments.
 *
 * @param extra arguments that are too many
 * @returns the argument and the advice; null where none is robocopy's
 */
export function robocopyAdvice(extra: readonly string[]): readonly [string, string] | null {
  for (const word of extra) {
    const named = /^\/([a-z]+)(?::.*)?$/i.exec(word)?.[1].toLowerCase();
    if (named !== undefined) {
      const advice = INSTEAD.find(([switches]) => switches.test(named))?.[1];
      return [word, advice ?? "Options begin with --; blit help copy lists them."];
    }
    // Nothing expands it there, and no file has such a name.
    if (/[*?]/.test(word)) return [word, `Write --include "${word}".`];
  }
  return null;
}
