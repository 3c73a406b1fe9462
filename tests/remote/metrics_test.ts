/**
 * Metrics of a daemon that has worked.
 *
 * @module
 */
import assert from "node:assert/strict";
import { freePort } from "../support/free_port.ts";
import { assertStatus, until } from "../support/judges.ts";
import { testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";

testOrSkip(
  "a daemon's metrics count sessions, streams and batches, and name nobody",
  async (dir) => {
    const metrics = `127.0.0.1:${freePort()}`;
    await dir.write({ "secret/plan.txt": "1", "secret/below/other": "2", "secret/old": "3" });
    await served(dir, WAYS[0], async ({ host, blit }) => {
      assertStatus(await blit("copy", "secret/", `${host}:/m/copy/`), 0);
      await Deno.remove(`${dir.path}/secret/old`);
      assertStatus(
        await blit("mirror", "--yes", "--force-grpc-data", "secret/", `${host}:/m/copy/`),
        0,
      );
      assertStatus(await blit("copy", "--force-grpc-data", `${host}:/m/copy/`, "back/"), 0);
      assertStatus(await blit("ls", `${host}:/m/copy/none`), 1);
      let text = "";
      // The daemon hears of its clients' end a moment after them.
      await until(async () => {
        text = await (await fetch(`http://${metrics}/metrics`)).text();
        return /^blit_sessions 0$/m.test(text) && /^blit_streams 0$/m.test(text);
      });
      const value = (sample: string) => {
        const line = text.split("\n").find((line) => line.startsWith(`${sample} `));
        return Number(line?.slice(sample.length) ?? NaN);
      };
      assert.ok(value('blit_session_duration_seconds_count{state="done"}') >= 3, text);
      assert.ok(value('blit_stream_duration_seconds_count{plane="data"}') >= 1, text);
      assert.ok(value('blit_stream_duration_seconds_count{plane="control"}') >= 1, text);
      assert.ok(value('blit_stream_duration_seconds_sum{plane="data"}') > 0, text);
      const [took, batches] = ["sum", "count"].map((what) =>
        ["data", "control"].map((plane) =>
          value(`blit_stream_batch_duration_seconds_${what}{plane="${plane}"}`)
        )
      );
      assert.equal(batches[0] + batches[1], value("blit_stream_batches_total"), text);
      assert.ok(took[0] > 0 && took[1] > 0, text);
      assert.ok(value("blit_stream_files_total") >= 5 && value("blit_stream_batches_total") >= 2);
      assert.equal(value('blit_batch_duration_seconds_count{operation="remove"}'), 1, text);
      // Everybody is gone: nothing waits.
      for (const queue of ["sessions", "batches", "directories", "jobs"]) {
        assert.equal(value(`blit_queue_depth{queue="${queue}"}`), 0, text);
      }
      assert.equal(value("blit_workers_busy"), 0, text);
      assert.ok(value("blit_workers") >= 4, text);
      assert.doesNotMatch(text, /secret|plan\.txt|copy\/|127\.0\.0\.1|"m"/);
      assert.equal(await (await fetch(`http://${metrics}/health`)).text(), "serving\n");
    }, { config: { metrics } });
  },
);
