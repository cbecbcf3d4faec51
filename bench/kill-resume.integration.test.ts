import { killSuite } from "./kills/kill-suite.ts";

describe("A service that is killed in the middle of uploads", () => {
  killSuite({ seed: 3, kills: 1, services: 1, workers: 1, uploadsPerKill: 3, hitMin: 1 });
});
