import { expect } from "chai";
import { findBreaches, isMetricsPage } from "./metrics-page.ts";

const PAGE = `# HELP sluice_ready 1 where /readyz says ready
# TYPE sluice_ready gauge
sluice_ready{service_instance_id="a"} 1
# TYPE sluice_s3_breakers_open gauge
sluice_s3_breakers_open{service_instance_id="a"} 0
sluice_s3_breakers_open{service_instance_id="b"} 2
# TYPE sluice_degraded gauge
sluice_degraded{sluice_component="bucket of \\"x\\"",service_instance_id="a"} 1
# TYPE rpc_server_call_duration histogram
rpc_server_call_duration_bucket{le="+Inf"} 3
`;

describe("findBreaches", () => {
  it("names each series that is beyond the bound of an alarm on its gauge", () => {
    expect(findBreaches(PAGE).map(({ name, series, value }) => ({ name, series, value }))).to.deep.equal([
      {
        name: "degraded",
        series: 'sluice_degraded{sluice_component="bucket of \\"x\\"",service_instance_id="a"}',
        value: 1,
      },
      { name: "s3-breaker-open", series: 'sluice_s3_breakers_open{service_instance_id="b"}', value: 2 },
    ]);
  });

  it("finds none where no gauge is beyond, and takes other pages for what they are", () => {
    expect(findBreaches("sluice_s3_breakers_open 0\n")).to.deep.equal([]);
    expect(isMetricsPage(PAGE)).to.equal(true);
    expect(isMetricsPage("up 1\n")).to.equal(false);
  });
});
