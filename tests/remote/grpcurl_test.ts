import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { DaemonHome } from "../support/daemon_process.ts";

const PROTO = fileURLToPath(new URL("../../proto", import.meta.url));

/** Where `go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest` put it; null where it isn't there. */
function findGrpcurl(): string | null {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), `${Deno.env.get("HOME")}/go/bin`];
  for (const folder of folders) {
    try {
      if (Deno.statSync(`${folder}/grpcurl`).isFile) return `${folder}/grpcurl`;
    } catch {
      // Not here.
    }
  }
  return null;
}

async function call(program: string, port: number, args: string[], service: string, data: unknown) {
  const files = ["blit/v1/admin.proto", "grpc/health/v1/health.proto", "blit/v1/session.proto"];
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: ["-insecure", "-import-path", PROTO, ...files.flatMap((file) => ["-proto", file])]
      .concat(args, ["-d", JSON.stringify(data), `127.0.0.1:${port}`, service]),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("a stock gRPC client speaks to a daemon over TLS", async () => {
  const grpcurl = findGrpcurl();
  if (grpcurl === null) {
    console.log(
      "SKIP: grpcurl: it was not found (go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest)",
    );
    return;
  }
  using home = new DaemonHome();
  home.write("file.txt", "12345");
  const daemon = await home.start("--root", ".", "--bind", "0.0.0.0");
  const { port } = daemon.ready;
  try {
    const health = await call(grpcurl, port, [], "grpc.health.v1.Health/Check", {});
    assert.deepEqual(JSON.parse(health.stdout), { status: "SERVING" }, health.stderr);
    const stranger = await call(grpcurl, port, [], "blit.v1.Admin/ListModules", {});
    assert.match(stranger.stderr, /Unauthenticated/);
    const added = await home.run("token", "add", "alice", "--module", "*", "--access", "read");
    const bearer = ["-H", `authorization: Bearer ${added.stdout.trim()}`];
    const modules = await call(grpcurl, port, bearer, "blit.v1.Admin/ListModules", {});
    assert.equal(JSON.parse(modules.stdout).modules.length, 2, modules.stderr);
    const listed = await call(grpcurl, port, bearer, "blit.v1.Admin/List", {
      place: { module: "default" },
    });
    const names = JSON.parse(listed.stdout).entries.map(({ path }: { path: string }) => atob(path));
    assert.ok(names.includes("file.txt"), listed.stderr);
    const denied = await call(grpcurl, port, bearer, "blit.v1.Admin/Purge", {
      place: { module: "default", path: btoa("file.txt") },
    });
    assert.match(denied.stderr, /PermissionDenied[\s\S]*--access delete/);
    // A stream that both sides write: the session opens, and ends with its client.
    const hello = { hello: { version: { major: 1 }, purpose: "grpcurl" } };
    const session = await call(grpcurl, port, bearer, "blit.v1.Sessions/Open", hello);
    assert.deepEqual(JSON.parse(session.stdout).welcome.rights, ["read"], session.stderr);
  } finally {
    await daemon.stop();
  }
});
