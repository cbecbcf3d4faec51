import { expect } from "chai";
import { joinMetricsPages } from "./metrics-page.ts";

const page = (worker: string, calls: number) => `# HELP calls_total calls
# TYPE calls_total counter
calls_total{instance="${worker}"} ${calls}
# TYPE used_bytes gauge
used_bytes{instance="${worker}"} 1
used_bytes{instance="${worker}",kind="b"} 2
`;

describe("joinMetricsPages", () => {
  it("puts all series of a metric together, below one description", () => {
    expect(joinMetricsPages([page("1", 3), page("2", 4)])).to.equal(`# HELP calls_total calls
# TYPE calls_total counter
calls_total{instance="1"} 3
calls_total{instance="2"} 4

# TYPE used_bytes gauge
used_bytes{instance="1"} 1
used_bytes{instance="1",kind="b"} 2
used_bytes{instance="2"} 1
used_bytes{instance="2",kind="b"} 2
`);
  });

  it("leaves out a worker that does not answer, and a metric that only one has", () => {
    expect(joinMetricsPages(["", page("2", 4), "# TYPE own gauge\nown 1\n"])).to.equal(
      joinMetricsPages([`${page("2", 4)}# TYPE own gauge\nown 1\n`]),
    );
    expect(joinMetricsPages(["", ""])).to.equal("");
  });
});
