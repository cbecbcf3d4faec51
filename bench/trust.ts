// `npm run bench:trust` measures what tokens of an issuer, roles of AWS, grants and quotas cost, what tokens of nobody do, which
// tokens pass where, and what cancelled calls and renewed certificates do to uploads. See --help.
import { parseArgs } from "node:util";
import { clearOnSignal } from "./clear-on-signal.ts";
import { parseCount, runCommand } from "./command-line.ts";
import { describeMachine } from "./describe-machine.ts";
import { printFigures } from "./sessions/figure-row.ts";
import { setStage } from "./stage.ts";
import { measureConnections } from "./trust/measure-connections.ts";
import { CHUNK_BYTES, measureTrust } from "./trust/measure-trust.ts";
import { tryTokenKinds } from "./trust/token-kinds.ts";

const usage = `usage: npm run bench:trust -- [options]

  --rows N       files in the table (default 100000)
  --calls N      calls of each kind in a round (default 3000)
  --rounds N     pairs of rounds; a further one goes before them and does not count (default 7)
  --size-mib N   size of each upload, in MiB (default 1024)
  --tokens N     malformed IAM tokens, and as many forged ones (default 100000)
  --reloads N    certificates that are renewed under uploads (default 100)
  --json         print one JSON document instead of the table
`;

await runCommand({ usage, parse, run });

async function run(options: Exclude<ReturnType<typeof parse>, "help">): Promise<number> {
  const { stage, clear } = await setStage(CHUNK_BYTES);
  clearOnSignal(clear);
  try {
    const report = (what: string) => process.stderr.write(`${what}\n`);
    // Connections come first: the measurement of tokens ends all processes of the stage.
    const rows = [
      ...(await measureConnections(stage, options, report)),
      ...(await measureTrust(stage, options, report)),
      await tryTokenKinds(),
    ];
    const machine = describeMachine();
    return printFigures(rows, {
      title: `${machine}; ${options.rows} files, ${options.rounds} rounds`,
      facts: { machine, options },
      json: options.json,
    });
  } finally {
    await clear();
  }
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: "string", default: "100000" },
      calls: { type: "string", default: "3000" },
      rounds: { type: "string", default: "7" },
      "size-mib": { type: "string", default: "1024" },
      tokens: { type: "string", default: "100000" },
      reloads: { type: "string", default: "100" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  return {
    rows: parseCount("rows", values.rows, [1000, 10_000_000]),
    calls: parseCount("calls", values.calls, [10, 1_000_000]),
    rounds: parseCount("rounds", values.rounds, [1, 100]),
    sizeBytes: parseCount("size-mib", values["size-mib"], [1, 1_000_000]) * 2 ** 20,
    tokens: parseCount("tokens", values.tokens, [10, 10_000_000]),
    reloads: parseCount("reloads", values.reloads, [1, 10_000]),
    json: values.json,
  };
}
