import DataLoader from "dataloader";
import { BorderCall } from "./border-call.ts";
import { isOfValues } from "./errors.ts";

/** How calls are grouped. */
export interface GroupLimits {
  /** Statements under way at a time: because of the others, a slow statement keeps nobody waiting. */
  readonly statementsMax: number;
  /** Calls that one statement answers at most. */
  readonly callsMax: number;
}

/** How calls that write are grouped: creations of uploads, and commits. */
export const WRITE_LIMITS: GroupLimits = { statementsMax: 3, callsMax: 50 };

/** Makes a statement for some calls; answers each of them, in their order, with a value or an error. */
type Run<Input, Output> = (inputs: readonly Input[]) => Promise<readonly (Output | Error)[]>;

/** One call, with the call across the border that it is part of. */
interface GroupedCall<Input> {
  readonly input: Input;
  readonly call: BorderCall | undefined;
}

/**
 * Makes calls together, as commits are flushed together: a call that comes alone goes at once, and calls that come while statements are
 * under way go with the next statement. Each statement begins after all of its calls were made, so that each sees what was committed by then.
 * A statement that fails for the values of one call is made again for each call alone; one that fails otherwise fails all of its calls.
 * It is cut when nobody waits for it any more.
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
  return (input) => loader.load({ input, call: BorderCall.current });
}

/** Runs the statement as a call of its own: none of those that wait for it decides for the others. */
async function runForAll<Input, Output>(run: Run<Input, Output>, group: readonly GroupedCall<Input>[]) {
  const all = new BorderCall();
  let waiting = group.length;
  const leave = (call: BorderCall) => {
    waiting--;
    if (waiting === 0) all.giveUp(call.cause ?? new Error("nobody waits for the statement"));
  };
  const ends = group.map(({ call }) => {
    if (call?.cause !== undefined) leave(call);
    return call?.begin(() => leave(call));
  });
  try {
    const inputs = group.map(({ input }) => input);
    return await all.run(() => runApart(run, inputs));
  } finally {
    for (const end of ends) end?.();
  }
}

async function runApart<Input, Output>(
  run: Run<Input, Output>,
  inputs: readonly Input[],
): Promise<readonly (Output | Error)[]> {
  try {
    return await run(inputs);
  } catch (error) {
    if (inputs.length === 1 || !isOfValues(error)) throw error;
  }
  const alone = async (input: Input) => (await run([input]))[0] as Output | Error;
  return await Promise.all(inputs.map((input) => alone(input).catch((error: Error) => error)));
}
