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
  readonly planned: number;
  readonly hit: number;
  readonly held: number;
  readonly notes: readonly string[];
}

/** The page that has the table. */
export const PAGE = new URL("../../docs/reliability.md", import.meta.url);

const FILE = new URL("./figures.json", import.meta.url);

/** The figures that were kept, none where there is no file. */
export function readFigures(): Figure[] {
  try {
    return JSON.parse(Deno.readTextFileSync(FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Keeps a run, in the place of an earlier one of the same sweep and route. */
export function keepFigure(
  sweep: string,
  route: Route,
  how: { readonly seed: number; readonly short: boolean },
  { planned, hit, held, notes }: Counts,
): void {
  const figure: Figure = {
    sweep,
    route,
    date: new Date().toISOString().slice(0, 10),
    seed: how.seed,
    short: how.short,
    planned,
    hit,
    held,
    notes,
  };
  const order = ({ sweep, route }: Figure) => `${sweep} ${ROUTES.indexOf(route)}`;
  const all = [
    ...readFigures().filter((old) => old.sweep !== sweep || old.route !== route),
    figure,
  ];
  all.sort((a, b) => order(a) < order(b) ? -1 : 1);
  Deno.writeTextFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
}

/** The section "Figures" of the page. */
export function figuresSection(figures: readonly Figure[], sweeps: readonly Sweep[]) {
  const rows = figures.map((figure) => {
    const command = `deno task test:faults --sweep ${figure.sweep} --route ${figure.route}${
      figure.short ? " --short" : ""
    } --seed ${figure.seed}`;
    const cells = [
      figure.sweep,
      figure.route,
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
    "",
    `| ${heads.join(" | ")} |`,
    `|${" --- |".repeat(heads.length)}`,
    ...rows,
  ].join("\n");
  return { page: "reliability.md", heading: "Figures", body };
}
