/**
 * Serves a page that shows a copy as it goes: the events of the run are sent to the browser as they come, and drawn there.
 * A GUI in a process of its own would get them the same way.
 *
 * usage: deno run -A examples/event_stream.ts SRC DST    prints the address of the page
 *
 * @module
 */
import { copy, displayName, type RunEvent } from "../mod.ts";

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Copying</title>
<progress max="1"></progress> <span id="count"></span>
<p id="current"></p>
<ul></ul>
<script>
  const events = new EventSource("/events");
  events.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "progress") draw(event);
    if (event.type === "failure") {
      document.querySelector("ul").append(Object.assign(document.createElement("li"), { textContent: event.message }));
    }
    if (event.type === "summary") {
      events.close();
      current.textContent = event.outcome;
    }
  };
  function draw({ totalsKnown, bytesDone, bytesTotal, filesDone, filesTotal, path }) {
    const bar = document.querySelector("progress");
    // Until the source is listed whole nobody knows how much there is: the bar shows that it works, and no part.
    if (totalsKnown) bar.value = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
    else bar.removeAttribute("value");
    count.textContent = filesDone + " of " + (totalsKnown ? "" : "at least ") + filesTotal;
    current.textContent = path;
  }
</script>`;

/** What the page is told of an event; null: nothing. Values as they are, paths as text. */
function toPage(event: RunEvent): object | null {
  switch (event.type) {
    case "progress": {
      const { current, ...counts } = event;
      return { ...counts, path: current === null ? "" : displayName(current) };
    }
    case "failure":
      return { type: event.type, message: event.message };
    case "summary":
      return { type: event.type, outcome: event.summary.outcome };
    default:
      return null;
  }
}

/** The events of one copy, as the browser's EventSource reads them. It begins when the first browser asks. */
function eventsOf(source: string, destination: string): ReadableStream<Uint8Array> {
  const ending = new AbortController();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async start(controller) {
      const listener = (event: RunEvent) => {
        const told = toPage(event);
        if (told && !ending.signal.aborted) {
          controller.enqueue(encoder.encode(`data: ${JSON.stringify(told)}\n\n`));
        }
      };
      try {
        await copy(source, destination, { listener, signal: ending.signal });
        if (!ending.signal.aborted) controller.close();
      } catch (error) {
        // What stopped it before it began.
        if (!ending.signal.aborted) controller.error(error);
      }
    },
    // The page was closed: a copy that nobody watches ends, and running it again goes on.
    cancel: () => ending.abort(),
  });
}

if (import.meta.main) {
  const [source, destination] = Deno.args;
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/`),
    handler: ({ url }) =>
      new URL(url).pathname === "/events"
        ? new Response(eventsOf(source, destination), {
          headers: { "content-type": "text/event-stream" },
        })
        : new Response(PAGE, { headers: { "content-type": "text/html; charset=utf-8" } }),
  });
  Deno.addSignalListener("SIGINT", () => void server.shutdown());
}
