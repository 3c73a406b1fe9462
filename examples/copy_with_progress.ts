/**
 * Copies a folder and draws a line of progress, through the library.
 *
 * usage: deno run -A examples/copy_with_progress.ts SRC DST
 *
 * @module
 */
import { BlitError, copy, displayName, type RunEvent } from "../mod.ts";

const LINE = new TextEncoder();

function onEvent(event: RunEvent): void {
  switch (event.type) {
    case "decision":
      console.log(`path: ${event.path} (${event.why})`);
      break;
    case "item":
      console.log(`${event.action} ${displayName(event.path)} (${event.reason})`);
      break;
    case "progress": {
      const total = event.totalsKnown ? `${event.bytesTotal}` : `at least ${event.bytesTotal}`;
      Deno.stderr.writeSync(LINE.encode(`\r${event.bytesDone} of ${total} bytes`));
      break;
    }
    case "failure":
    case "warning":
      console.error(`\n${event.message}`);
  }
}

const [source, destination] = Deno.args;
if (!source || !destination) {
  console.error("usage: copy_with_progress.ts SRC DST");
  Deno.exit(64);
}

// Ctrl-C ends the copy cleanly; the summary then says `interrupted`.
const ending = new AbortController();
Deno.addSignalListener("SIGINT", () => ending.abort());

try {
  const { summary, located, error } = await copy(source, destination, {
    listener: onEvent,
    emitItems: true,
    signal: ending.signal,
  });
  console.error();
  console.log(`${summary.filesTransferred} files are at ${located.destinationDisplay}`);
  if (error !== null) console.error(error.message);
  Deno.exit(summary.outcome === "done" ? 0 : 1);
} catch (error) {
  // What stopped it before it began: SRC is missing, the places overlap, ...
  if (!(error instanceof BlitError)) throw error;
  console.error(`${error.kind}: ${error.message}`);
  Deno.exit(1);
}
