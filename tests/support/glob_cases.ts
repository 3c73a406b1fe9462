/**
 * Patterns of `--exclude` that are made together with their documented meaning, so that no second parser is needed to know it.
 *
 * @module
 */
import fc from "fast-check";

/** One thing that a pattern says of a path. */
type Atom =
  | { readonly is: "char"; readonly char: string; readonly escaped: boolean }
  | { readonly is: "any" }
  | { readonly is: "star" }
  | { readonly is: "deep" }
  | { readonly is: "set"; readonly text: string; readonly has: (char: string) => boolean }
  | { readonly is: "either"; readonly words: readonly string[] };

/** A component; null: `**` as a whole one. */
type Component = readonly Atom[] | null;

/** A pattern by its meaning. */
export interface GlobCase {
  /** As it is typed. */
  readonly pattern: string;
  /** Paths to ask about, text, each as a file and as a folder. */
  readonly paths: readonly string[];
  /** Whether the pattern's documented meaning takes the path. */
  matches(path: string, isFolder: boolean): boolean;
}

const LETTERS = ["a", "b", "A", ".", "-", "é", "😀", "]", " "];
const SPECIAL = "\\*?[]{},";

const name = fc.array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: 3 })
  .map((chars) => chars.join("")).filter((name) => name !== "." && name !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));

const setOf = fc.record({
  negated: fc.constantFrom("", "!", "^"),
  first: fc.constantFrom("", "]"),
  members: fc.subarray(["a", "b", "é", "😀", ".", "a-c", "A-Z", "[:alpha:]", "[:punct:]"], {
    minLength: 1,
  }),
  dash: fc.boolean(),
}).map(({ negated, first, members, dash }): Atom => {
  const inside = (char: string) =>
    first === char || dash && char === "-" || members.some((member) => isMember(member, char));
  return {
    is: "set",
    text: `[${negated}${first}${members.join("")}${dash ? "-" : ""}]`,
    has: (char) => char !== "/" && inside(char) === (negated === ""),
  };
});

function isMember(member: string, char: string): boolean {
  if (member === "[:alpha:]") return /^[a-zA-Z]$/.test(char);
  if (member === "[:punct:]") return /^[!-/:-@[-`{-~]$/.test(char);
  const [low, high] = member.split("-");
  return char.codePointAt(0)! >= low.codePointAt(0)! &&
    char.codePointAt(0)! <= (high ?? low).codePointAt(0)!;
}

const char = fc.tuple(fc.constantFrom(...LETTERS), fc.boolean())
  .map(([char, escaped]): Atom => ({ is: "char", char, escaped }));
const atom = fc.oneof(
  { weight: 6, arbitrary: char },
  { weight: 2, arbitrary: fc.constant<Atom>({ is: "any" }) },
  { weight: 3, arbitrary: fc.constant<Atom>({ is: "star" }) },
  { weight: 1, arbitrary: fc.constant<Atom>({ is: "deep" }) },
  { weight: 2, arbitrary: setOf },
  {
    weight: 2,
    arbitrary: fc.array(name, { minLength: 2, maxLength: 3 })
      .map((words): Atom => ({ is: "either", words })),
  },
);

const isStar = ({ is }: Atom) => is === "star" || is === "deep";

/** Two stars side by side would be another pattern, and a lone `**` a component of its own kind. */
const component: fc.Arbitrary<Component> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(null) },
  {
    weight: 6,
    arbitrary: fc.array(atom, { minLength: 1, maxLength: 4 })
      .map((atoms) => atoms.filter((atom, i) => !isStar(atom) || i === 0 || !isStar(atoms[i - 1])))
      .filter((atoms) => !(atoms.length === 1 && atoms[0].is === "deep"))
      .filter((atoms) => !isDots(atoms)),
  },
);

/** `.` and `..` name nothing, and are refused. */
function isDots(atoms: readonly Atom[]): boolean {
  return atoms.length <= 2 && atoms.every((atom) => atom.is === "char" && atom.char === ".");
}

/** A pattern, and paths some of which are made to match. */
export const globCase: fc.Arbitrary<GlobCase> = fc.record({
  leading: fc.boolean(),
  components: fc.array(component, { minLength: 1, maxLength: 3 }),
  trailing: fc.constantFrom("", "", "", "/", "/***"),
  paths: fc.array(path, { minLength: 3, maxLength: 6 }),
  fillings: fc.array(fc.array(name, { minLength: 12, maxLength: 12 }), {
    minLength: 4,
    maxLength: 4,
  }),
}).map(({ leading, components, trailing, paths, fillings }) => ({
  pattern: (leading ? "/" : "") + components.map(textOf).join("/") + trailing,
  paths: [...paths, ...fillings.map((words) => instanceOf(components, words))],
  matches: (path: string, isFolder: boolean) =>
    isMatch(leading, components, trailing, path, isFolder),
}));

function textOf(component: Component): string {
  if (component === null) return "**";
  return component.map((atom) => {
    switch (atom.is) {
      case "char":
        return atom.escaped || SPECIAL.includes(atom.char) ? `\\${atom.char}` : atom.char;
      case "any":
        return "?";
      case "star":
        return "*";
      case "deep":
        return "**";
      case "set":
        return atom.text;
      case "either":
        return `{${atom.words.map((word) => word.replaceAll("]", "\\]")).join(",")}}`;
    }
  }).join("");
}

/** A path that the pattern may well match, by what the words choose. */
function instanceOf(components: readonly Component[], words: readonly string[]): string {
  let next = 0;
  const word = () => words[next++ % words.length];
  const parts = components.map((component) => {
    if (component === null) return word();
    return component.map((atom) => {
      if (atom.is === "char") return atom.char;
      if (atom.is === "any") return [...word()][0];
      if (atom.is === "star") return next++ % 2 ? word() : "";
      if (atom.is === "deep") return `${word()}/${word()}`;
      if (atom.is === "set") return LETTERS.find((char) => atom.has(char)) ?? "a";
      return atom.words[next++ % atom.words.length];
    }).join("");
  });
  const path = [word(), ...parts, word()].slice(
    next % 3 === 0 ? 0 : 1,
    next % 5 === 0 ? undefined : -1,
  );
  return path.join("/").split("/").filter((part) => !/^\.{0,2}$/.test(part)).join("/") || "a";
}

function isMatch(
  leading: boolean,
  components: readonly Component[],
  trailing: string,
  path: string,
  isFolder: boolean,
): boolean {
  const takes = (path: string) => {
    const has = (component: Component) =>
      component === null || component.some(({ is }) => is === "deep");
    // A pattern that says nothing of folders is about the name.
    if (!leading && components.length === 1 && !has(components[0])) {
      return isWhole(components, path.slice(path.lastIndexOf("/") + 1));
    }
    if (leading) return isWhole(components, path);
    const parts = path.split("/");
    return parts.some((_, i) => isWhole(components, parts.slice(i).join("/")));
  };
  if (trailing !== "/***") return (isFolder || trailing === "") && takes(path);
  const parts = path.split("/");
  return isFolder && takes(path) ||
    parts.some((_, i) => i > 0 && takes(parts.slice(0, i).join("/")));
}

/** Whether the components match the whole path: every way is tried. */
function isWhole(components: readonly Component[], path: string): boolean {
  const chars = [...path];
  const from = (c: number, at: number): boolean => {
    const component = components[c];
    const isLast = c === components.length - 1;
    if (component !== null) {
      return atoms(
        component,
        0,
        at,
        (end) => isLast ? end === chars.length : chars[end] === "/" && from(c + 1, end + 1),
      );
    }
    // At the end: everything below. Before more: any number of folders, or none.
    if (isLast) return at < chars.length || components.length === 1;
    if (from(c + 1, at)) return true;
    return chars.some((char, i) => i >= at && char === "/" && from(c + 1, i + 1));
  };
  const atoms = (
    all: readonly Atom[],
    a: number,
    at: number,
    done: (end: number) => boolean,
  ): boolean => {
    if (a === all.length) return done(at);
    const atom = all[a];
    const go = (end: number) => atoms(all, a + 1, end, done);
    switch (atom.is) {
      case "char":
        return chars[at] === atom.char && go(at + 1);
      case "any":
        return at < chars.length && chars[at] !== "/" && go(at + 1);
      case "set":
        return at < chars.length && atom.has(chars[at]) && go(at + 1);
      case "either":
        return atom.words.some((word) =>
          chars.slice(at, at + [...word].length).join("") === word && go(at + [...word].length)
        );
      default:
        for (let end = at; end <= chars.length; end++) {
          if (go(end)) return true;
          if (atom.is === "star" && chars[end] === "/") return false;
        }
        return false;
    }
  };
  return from(0, 0);
}
