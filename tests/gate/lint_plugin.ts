/**
 * The house rules that a compiler can't know, as a plugin of `deno lint`.
 *
 * @module
 */

/** Folders of src/ by height. A folder may import from lower ones, and from itself. */
const HEIGHT: Readonly<Record<string, number>> = {
  gen: 0,
  core: 0,
  engine: 1,
  native: 1,
  wire: 1,
  tree: 2,
  net: 2,
  rpc: 3,
  app: 4,
  cli: 5,
  daemon: 5,
};
const ENTRY_HEIGHT = 6;
const ENTRIES = new Set(["mod.ts", "cli.ts", "daemon.ts"]);

/** Who may touch files outside of src/tree: files of blit's own, never the user's tree. */
const FILE_USERS: ReadonlySet<string> = new Set([
  "src/engine/spool.ts", // unlinked temporary files
  "src/app/history.ts",
  "src/app/settings.ts",
  "src/app/hosts.ts", // known_hosts and credentials
  "src/app/jobs.ts",
  "src/app/file_list.ts", // reads --files-from and --filter-from
  "src/daemon/files.ts", // configuration, tokens, certificate
  "src/native/load.ts", // the library that a compiled program carries
  "src/native/unpack.ts",
]);

const LONGEST_FILE_LINES = 500;
/** Tables, which are read one row at a time: their length costs nobody anything. */
const TABLES: ReadonlySet<string> = new Set(["src/cli/options.ts", "tests/cli/v1_options.ts"]);

const FILE_CALLS: ReadonlySet<string> = new Set(
  ("chmod chown copyFile create link lstat makeTempDir makeTempFile mkdir open readDir readFile " +
    "readLink readTextFile realPath remove rename stat symlink truncate utime writeFile " +
    "writeTextFile").split(" ").flatMap((call) => [call, `${call}Sync`]),
);

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** Path of a linted file from the project's root. */
function pathOf(filename: string): string {
  const path = filename.replace(/^file:\/\//, "").replaceAll("\\", "/");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}

function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.endsWith("_bench.ts");
}

/** Whether the file is part of what users run, in contrast to tests and scripts. */
function isProduct(path: string): boolean {
  return !isTest(path) && !path.startsWith("src/gen/") &&
    (path.startsWith("src/") || ENTRIES.has(path));
}

/** The folder of src/ that a path lies in, `""` for an entry, null for anything else. */
function folderOf(path: string): string | null {
  if (ENTRIES.has(path)) return "";
  const parts = path.split("/");
  return parts[0] === "src" && parts.length > 2 ? parts[1] : null;
}

/** Resolves a relative specifier to a path from the project's root; null for a package. */
function resolveSpecifier(path: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** Says why the import is wrong, or null. */
function layeringBreach(path: string, specifier: string): string | null {
  const from = folderOf(path);
  if (from === null) return `src/ has no room for "${path}": put it in one of its folders`;
  if (specifier.startsWith("@connectrpc/") && !["rpc", "daemon", "gen"].includes(from)) {
    return "only src/rpc and src/daemon import Connect";
  }
  const target = resolveSpecifier(path, specifier);
  if (target === null) return null;
  const to = folderOf(target);
  if (to === null) return `"${target}" is no part of the product`;
  if (to === from) return null;
  if (to === "") return "nothing imports an entry";
  const height = from === "" ? ENTRY_HEIGHT : HEIGHT[from];
  if (height === undefined) return `src/${from} has no place in the layering`;
  if (HEIGHT[to] === undefined) return `src/${to} has no place in the layering`;
  if (HEIGHT[to] < height) return null;
  const side = HEIGHT[to] === height ? "beside" : "above";
  return `src/${to} lies ${side} ${from === "" ? "the entries" : `src/${from}`}`;
}

function isMember(node: Deno.lint.Node, object: string, names: ReadonlySet<string>): boolean {
  return node.type === "MemberExpression" && node.object.type === "Identifier" &&
    node.object.name === object &&
    (node.property.type === "Identifier"
      ? names.has(node.property.name)
      : node.property.type === "Literal" && names.has(String(node.property.value)));
}

/** A rule that reports uses of some members of a global object. */
function memberRule(
  uses: ReadonlyArray<readonly [object: string, names: ReadonlySet<string>]>,
  isForbidden: (path: string) => boolean,
  message: string,
): Deno.lint.Rule {
  return {
    create(context) {
      if (!isForbidden(pathOf(context.filename))) return {};
      return {
        MemberExpression(node) {
          if (uses.some(([object, names]) => isMember(node, object, names))) {
            context.report({ node, message });
          }
        },
      };
    },
  };
}

const layering: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if (!isProduct(path)) return {};
    const check = (node: Deno.lint.Node, source: Deno.lint.Node | null) => {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const breach = layeringBreach(path, source.value);
      if (breach !== null) context.report({ node, message: `Breach of layering: ${breach}.` });
    };
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => check(node, node.source),
    };
  },
};

const filesInTree: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if (!isProduct(path) || path.startsWith("src/tree/") || FILE_USERS.has(path)) return {};
    const message =
      "Only src/tree touches files. Files of blit's own: FILE_USERS in lint_plugin.ts.";
    return {
      MemberExpression(node) {
        if (isMember(node, "Deno", FILE_CALLS)) context.report({ node, message });
      },
      ImportDeclaration(node) {
        if (/^(node:)?fs(\/|$)/.test(String(node.source.value)) && node.importKind !== "type") {
          context.report({ node, message });
        }
      },
    };
  },
};

const fileLength: Deno.lint.Rule = {
  create(context) {
    const path = pathOf(context.filename);
    if (path.startsWith("src/gen/") || TABLES.has(path)) return {};
    return {
      Program(node) {
        const lines = context.sourceCode.text.trimEnd().split("\n").length;
        if (lines > LONGEST_FILE_LINES) {
          context.report({
            node,
            message: `${lines} lines: over ${LONGEST_FILE_LINES}. Split it by what it is about.`,
          });
        }
      },
    };
  },
};

const fileName: Deno.lint.Rule = {
  create(context) {
    const name = pathOf(context.filename).split("/").at(-1) ?? "";
    if (/^[a-z0-9]+(_[a-z0-9]+)*(\.d)?\.[a-z]+$/.test(name) || name.endsWith("_pb.ts")) return {};
    return {
      Program: (node) => context.report({ node, message: `"${name}": files are snake_case.` }),
    };
  },
};

const noBareError: Deno.lint.Rule = {
  create(context) {
    if (!isProduct(pathOf(context.filename))) return {};
    const check = (node: Deno.lint.NewExpression | Deno.lint.CallExpression) => {
      if (node.callee.type === "Identifier" && node.callee.name === "Error") {
        context.report({
          node,
          message: "Throw a BlitError: a kind decides the exit code and the Connect code.",
        });
      }
    };
    return { NewExpression: check, CallExpression: check };
  },
};

const docComment: Deno.lint.Rule = {
  create(context) {
    if (!isProduct(pathOf(context.filename))) return {};
    const hasDoc = (node: Deno.lint.Node) => {
      const before = context.sourceCode.text.slice(0, node.range[0]).trimEnd();
      return before.endsWith("*/") && before.slice(before.lastIndexOf("/*")).startsWith("/**");
    };
    const documented = new Set<string>();
    const check = (node: Deno.lint.ExportNamedDeclaration | Deno.lint.ExportDefaultDeclaration) => {
      if (node.declaration === null) return;
      const name = declaredName(node.declaration);
      if (hasDoc(node)) documented.add(name);
      // A type beside a value of its name, and overloads: one comment serves all.
      else if (!documented.has(name)) {
        context.report({ node, message: `"${name}" is exported without a doc comment.` });
      }
    };
    return { ExportNamedDeclaration: check, ExportDefaultDeclaration: check };
  },
};

function declaredName(node: Deno.lint.Node): string {
  if (node.type === "VariableDeclaration") {
    const id = node.declarations[0]?.id;
    return id?.type === "Identifier" ? id.name : "(pattern)";
  }
  return "id" in node && node.id && "name" in node.id ? String(node.id.name) : "(default)";
}

/** The plugin; every rule has a bad sample in lint_plugin_test.ts. */
const plugin: Deno.lint.Plugin = {
  name: "blit",
  rules: {
    "layering": layering,
    "dlopen-in-native": memberRule(
      [["Deno", new Set(["dlopen"])]],
      (path) => isProduct(path) && !path.startsWith("src/native/"),
      "Only src/native calls Deno.dlopen.",
    ),
    "exit-in-entries": memberRule(
      [["Deno", new Set(["exit"])], ["process", new Set(["exit"])]],
      (path) => isProduct(path) && !ENTRIES.has(path),
      "Only cli.ts and daemon.ts exit: return an exit code instead.",
    ),
    "files-in-tree": filesInTree,
    "file-length": fileLength,
    "file-name": fileName,
    "no-bare-error": noBareError,
    "doc-comment": docComment,
  },
};
export default plugin;
