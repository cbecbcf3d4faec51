import { AsyncLocalStorage } from "node:async_hooks";
import DataLoader from "dataloader";
import { BorderCall } from "./border-call.ts";
import { isOfValues } from "./errors.ts";

/** How calls are grouped. */
export interface GroupLimits {
  /** Statements under way at a time. */
  readonly statementsMax: number;
  /** Calls that one statement answers at most. */
  readonly callsMax: number;
}

/** How calls that write are grouped: creations of uploads, and commits. Their statements wait for no lock of anybody else. */
export const WRITE_LIMITS: GroupLimits = { statementsMax: 3, callsMax: 50 };

/** How those are made that have to wait for a lock: each alone, and so few at a time that all others find a connection. */
export const LONE_LIMITS: GroupLimits = { statementsMax: 3, callsMax: 1 };

/** Makes a statement for some calls; answers each of them, in their order, with a value or an error. */
type Run<Input, Output> = (inputs: readonly Input[]) => Promise<readonly (Output | Error)[]>;

/** One call, with the call across the border that it is part of. */
interface GroupedCall<Input> {
  readonly input: Input;
  readonly call: BorderCall | undefined;
  /** Runs work in the context of who made the call: its trace, and its lines in the log. */
  readonly inContext: <T>(work: () => T) => T;
}

/**
 * Makes calls together, as commits are flushed together: a call that comes alone goes at once, and calls that come while statements are
 * under way go with the next statement. Each statement begins after all of its calls were made, so that each sees what was committed by then.
 * It runs in the context of its first call. A call that was given up while it waited is not made. A statement that fails for the values of
 * one call is made again for each call alone, one after the other; one that fails otherwise fails all of its calls. It is cut when nobody
 * waits for it any more.
 */
export function groupCalls<Input, Output>(
  run: Run<Input, Output>,
  { statementsMax, callsMax }: GroupLimits,
): (input: Input) => Promise<Output> {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  const beginNext = () => {
    if (underWay >= statementsMax) return;
    const dispatch = waiting.shift();
    if (dispatch === undefined) return;
    underWay++;
    // This runs after all input that has arrived on other connections was handled.
    setImmediate(dispatch);
  };
  const loader = new DataLoader<GroupedCall<Input>, Output>(
    async (group) => {
      try {
        return await runForAll(run, group);
      } finally {
        underWay--;
        beginNext();
      }
    },
    {
      cache: false,
      maxBatchSize: callsMax,
      batchScheduleFn: (dispatch) => {
        waiting.push(dispatch);
        beginNext();
      },
    },
  );
  return (input) => loader.load({ input, call: BorderCall.current, inContext: AsyncLocalStorage.snapshot() });
}

async function runForAll<Input, Output>(
  run: Run<Input, Output>,
  group: readonly GroupedCall<Input>[],
): Promise<(Output | Error)[]> {
  const awaited = group.filter(({ call }) => call?.cause === undefined);
  const answers = new Map(group.map((one) => [one, one.call?.cause as Output | Error]));
  for (const [place, answer] of (await runForAwaited(run, awaited)).entries()) {
    answers.set(awaited[place] as GroupedCall<Input>, answer);
  }
  return [...answers.values()];
}

/** Runs the statement as a call of its own: none of those that wait for it decides for the others. */
async function runForAwaited<Input, Output>(
  run: Run<Input, Output>,
  group: readonly GroupedCall<Input>[],
): Promise<readonly (Output | Error)[]> {
  const all = new BorderCall();
  let waiting = group.length;
  const ends = group.map(({ call }) =>
    call?.begin(() => {
      waiting--;
      if (waiting === 0) all.giveUp(call.cause ?? new Error("nobody waits for the statement"));
    }),
  );
  try {
    return (await group[0]?.inContext(() => all.run(() => runApart(run, group)))) ?? [];
  } finally {
    for (const end of ends) end?.();
  }
}

async function runApart<Input, Output>(
  run: Run<Input, Output>,
  group: readonly GroupedCall<Input>[],
): Promise<readonly (Output | Error)[]> {
  try {
    return await run(group.map(({ input }) => input));
  } catch (error) {
    if (group.length === 1 || !isOfValues(error)) throw error;
  }
  const answers: (Output | Error)[] = [];
  for (const { input, call } of group) {
    const alone = async () => (await run([input]))[0] as Output | Error;
    answers.push(call?.cause ?? (await alone().catch((error: Error) => error)));
  }
  return answers;
}
