import { killSuite } from "./kills/kill-suite.ts";

describe("A service that is killed again and again in the middle of uploads", () => {
  for (const workers of [1, 2]) killSuite({ seed: 3, kills: 5, services: 2, workers, uploadsPerKill: 3, hitMin: 6 });
});
