import { forgedTokenSuite, malformedTokenSuite } from "../testing/rigs/callers/hostile-token-suites.ts";

describe("hostile tokens by the thousand", () => {
  malformedTokenSuite(100_000);
  forgedTokenSuite({ forged: 20_000, forgers: 50, valid: 200 });
});
