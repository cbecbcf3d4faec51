import { forgedTokenSuite, malformedTokenSuite } from "../testing/rigs/callers/hostile-token-suites.ts";

describe("hostile tokens", () => {
  malformedTokenSuite(2000);
  forgedTokenSuite({
    ...{ forged: 200, forgers: 5, valid: 20 },
    calls: {
      work: { runningMax: 8, waitingMax: 80, callerShare: 1 / 8 },
      rate: { intervalMs: 50, burstMax: 200, callersMax: 100 },
    },
  });
});
