/**
 * A machine that is made up for one page: its own network, its own `/etc`, `/srv` and `/var/lib`, the host names `nas` and
 * `laptop` for itself, and blit and blit-daemon on the PATH. So the commands of a page run as they stand there.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DAEMON_FLAGS } from "../../packaging/daemon_flags.ts";
import type { Scratch } from "../support/cli.ts";
import { need, needsPrograms, needsRoot } from "../support/loop_fs.ts";
import { ROOT, type Step } from "./blocks.ts";

/** How one step ended. */
export interface Told {
  readonly line: number;
  readonly code: number;
  /** Both streams. */
  readonly printed: string;
}

const PROJECT = fileURLToPath(ROOT);
const RUN = `exec '${Deno.execPath()}' run -A --no-check`;
const UNIT = join(PROJECT, "packaging/linux/blit-daemon.service");

/** Programs that stand in for what a user has installed, and for the system that would be running. */
const PROGRAMS: Readonly<Record<string, string>> = {
  // The page can't know the fingerprint.
  blit: `for word; do
      shift
      [ "$word" != SHA256:… ] || word=$(grep -o -m 1 'SHA256:[A-Za-z0-9+/]*' /var/lib/journal)
      set -- "$@" "$word"
    done
    ${RUN} '${PROJECT}cli.ts' "$@"`,
  "blit-daemon": `${RUN} ${DAEMON_FLAGS.join(" ")} '${PROJECT}daemon.ts' "$@"`,
  sudo: 'exec "$@"',
  journalctl: "cat /var/lib/journal",
  mail: "cat > /var/lib/mail",
  loginctl: '[ "$*" = enable-linger ]',
  // systemd's part: a unit's own command line, at once where a timer would wait.
  systemctl: `
    folder=/etc/systemd/system
    if [ "$1" = --user ]; then folder=$HOME/.config/systemd/user; shift; fi
    unit=$(basename "$(eval echo '\${'$#'}')" .timer)
    unit=\${unit%.service}
    start() {
      line=$(sed -n 's/^ExecStart=//p' "$folder/$unit.service" | sed "s|/usr/bin/||; s|%h|$HOME|g")
      if [ "$unit" != blit-daemon ]; then exec sh -c "$line" >> /var/lib/journal 2>&1; fi
      mkdir -p /var/lib/blit-daemon
      chown blit-daemon /var/lib/blit-daemon
      STATE_DIRECTORY=/var/lib/blit-daemon setsid sh -c "exec $line" >> /var/lib/journal 2>&1 &
      echo $! > /var/lib/daemon.pid
      until grep -q ' ready on ' /var/lib/journal; do
        kill -0 $! || { cat /var/lib/journal; exit 1; }
        sleep 0.05
      done
    }
    case "$*" in
      "enable --now "*|"start "*) start ;;
      "daemon-reload") ;;
      "reload blit-daemon") kill -HUP $(cat /var/lib/daemon.pid) ;;
      "stop blit-daemon")
        kill $(cat /var/lib/daemon.pid)
        while kill -0 $(cat /var/lib/daemon.pid) 2> /dev/null; do sleep 0.05; done ;;
      *) echo "systemctl $*: not known here" >&2; exit 1 ;;
    esac`,
};

/** Makes the machine, then each step after the other, in the folder of a user; ends at the first that went wrong. */
const MACHINE = `set -e
ip link set lo up
ip addr add 192.0.2.10/24 dev lo
mount -t tmpfs none layers
mkdir layers/upper layers/work
mount -t overlay -o lowerdir=/etc,upperdir=layers/upper,workdir=layers/work overlay /etc
for place in /srv /var/lib /mnt; do mount -t tmpfs none $place; done
echo '127.0.0.1 localhost' > /etc/hosts
echo '192.0.2.10 nas laptop a b' >> /etc/hosts
hostname nas
id blit-daemon > /dev/null 2>&1 || echo 'blit-daemon:x:999:999::/var/lib/blit-daemon:/usr/sbin/nologin' >> /etc/passwd
getent group blit-daemon > /dev/null || echo 'blit-daemon:x:999:' >> /etc/group
mkdir -p /etc/systemd/system
touch /var/lib/journal
cp '${UNIT}' /etc/systemd/system/
base=$PWD
cd "$HOME"
for step in "$base"/steps/???; do
  set +e
  sh -eu "$step" > "$step.out" 2>&1 < /dev/null
  code=$?
  set -e
  echo $code > "$step.code"
  [ $code = "$(sed -n 's/^# exits with //p' "$step")" ] || break
done
`;

/**
 * Runs the steps of a page.
 *
 * @param dir of the test; the user's own folder is below it
 * @returns what became of each, as far as it came
 * @throws {CannotRun} where this machine can't make another one
 */
export async function tell(dir: Scratch, steps: readonly Step[]): Promise<Told[]> {
  need(needsRoot() ?? needsPrograms("unshare", "ip", "mount"));
  for (const folder of ["bin", "steps", "layers"]) await Deno.mkdir(join(dir.path, folder));
  for (const [name, script] of Object.entries(PROGRAMS)) {
    await Deno.writeTextFile(join(dir.path, "bin", name), `#!/bin/sh\n${script}\n`, {
      mode: 0o755,
    });
  }
  const files = steps.map((_, i) => join(dir.path, "steps", `${String(i).padStart(3, "0")}`));
  for (const [i, step] of steps.entries()) {
    const exits = step.kind === "run" ? step.exitStatus : 0;
    await Deno.writeTextFile(files[i], `# exits with ${exits}\n${scriptOf(step)}\n`);
  }
  const { code, stderr } = await new Deno.Command("unshare", {
    args: ["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
      .concat("sh", "-c", MACHINE),
    cwd: dir.path,
    env: {
      ...dir.env(),
      HOME: join(dir.path, "../home"),
      PATH: `${join(dir.path, "bin")}:${Deno.env.get("PATH")}`,
      NO_COLOR: "1",
      TZ: "UTC",
    },
    stdin: "null",
    stdout: "null",
  }).output();
  if (code !== 0) throw new TypeError(`no machine: ${new TextDecoder().decode(stderr)}`);
  const told: Told[] = [];
  for (const [i, { line }] of steps.entries()) {
    const ended = await Deno.readTextFile(`${files[i]}.code`).catch(() => null);
    if (ended === null) break;
    told.push({ line, code: Number(ended), printed: await Deno.readTextFile(`${files[i]}.out`) });
  }
  return told;
}

function scriptOf(step: Step): string {
  if (step.kind === "run") return step.script;
  const path = step.path.replace(/^~/, "$HOME");
  return `mkdir -p "${dirname(path)}"\ncat > "${path}" <<'END OF FILE'\n${step.text}\nEND OF FILE`;
}
