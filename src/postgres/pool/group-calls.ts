import DataLoader from "dataloader";
import { isOfValues } from "./errors.ts";

/** How calls are grouped. */
export interface GroupLimits {
  /** Statements under way at a time: because of the others, a slow statement keeps nobody waiting. */
  readonly statementsMax: number;
  /** Calls that one statement answers at most. */
  readonly callsMax: number;
}

/**
 * Makes calls together, as commits are flushed together: a call that comes alone goes at once, and calls that come while statements are
 * under way go with the next statement. Each statement begins after all of its calls were made, so that each sees what was committed by then.
 * `run` answers each of its calls, in their order, with a value or an error. A statement that fails for the values of one call is
 * made again for each call alone; one that fails otherwise fails all of its calls.
 */
export function groupCalls<Input, Output>(
  run: (inputs: readonly Input[]) => Promise<readonly (Output | Error)[]>,
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
  const loader = new DataLoader<Input, Output>(
    async (inputs) => {
      try {
        return await runApart(run, inputs);
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
  return (input) => loader.load(input);
}

async function runApart<Input, Output>(
  run: (inputs: readonly Input[]) => Promise<readonly (Output | Error)[]>,
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
