/**
 * The figures that sweeps measured, and the table of docs/reliability.md that is made from them.
 *
 * @module
 */
import { type Counts, type Route, ROUTES, type Sweep } from "./sweep.ts";

/** One run of a sweep, kept. */
export interface Figure {
  readonly sweep: string;
  readonly route: Route;
  /** Day of the run, ISO 8601. */
  readonly date: string;
  readonly seed: number;
  readonly short: boolean;
  readonly part: number;
  readonly planned: number;
  readonly hit: number;
  readonly held: number;
  readonly notes: readonly string[];
}

/** The page that has the table. */
export const PAGE = new URL("../../docs/reliability.md", import.meta.url);

/** A file for each sweep. */
const FOLDER = new URL("./figures/", import.meta.url);

/** The figures that were kept, in the table's order. */
export function readFigures(): Figure[] {
  const names = Array.from(Deno.readDirSync(FOLDER), ({ name }) => name)
    .filter((name) => name.endsWith(".json")).sort();
  return names.flatMap((name) => JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER))));
}

/** Keeps a run, in the place of an earlier one of the same sweep and route. */
export function keepFigure(
  sweep: string,
  route: Route,
  how: { readonly seed: number; readonly short: boolean; readonly part: number },
  { planned, hit, held, notes }: Counts,
): void {
  const date = new Date().toISOString().slice(0, 10);
  const { seed, short, part } = how;
  const figure: Figure = { sweep, route, date, seed, short, part, planned, hit, held, notes };
  const others = readFigures().filter((old) => old.sweep === sweep && old.route !== route);
  const all = [...others, figure].sort((a, b) => ROUTES.indexOf(a.route) - ROUTES.indexOf(b.route));
  Deno.writeTextFileSync(new URL(`${sweep}.json`, FOLDER), `${JSON.stringify(all, null, 2)}\n`);
}

/** The section "Figures" of the page. */
export function figuresSection(figures: readonly Figure[], sweeps: readonly Sweep[]) {
  const rows = figures.map((figure) => {
    const { sweep, route, seed, short, part } = figure;
    const command = `deno task test:faults --sweep ${sweep} --route ${route} --seed ${seed}${
      short ? " --short" : ""
    }${part < 1 ? ` --part ${part}` : ""}`;
    const cells = [
      sweep,
      route,
      figure.hit,
      figure.planned,
      figure.held,
      figure.hit - figure.held,
      figure.notes.join("; "),
      figure.date,
      `\`${command}\``,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const titles = sweeps.map(({ name, title }) => `- **${name}**: ${title}`);
  const heads = "sweep,route,hit,planned,held,failed,of these,measured,command".split(",");
  const body = [
    ...titles,
    ...titles.length > 0 ? [""] : [],
    `| ${heads.join(" | ")} |`,
    `|${" --- |".repeat(heads.length)}`,
    ...rows,
  ].join("\n");
  return { page: "reliability.md", heading: "Figures", body };
}
