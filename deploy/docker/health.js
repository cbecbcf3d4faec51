import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";

/*
 * The health check of the image: ends with 0 while the service lives. It asks /livez and no more, because whoever runs the container would
 * replace it for nothing while the database is away; load balancers ask /readyz.
 */
const port = (process.env.SLUICE_LISTEN ?? "").split(":").at(-1);
// The certificate is for the name that callers use, and this is the machine itself.
const [request, options] = process.env.SLUICE_TLS_CERT
  ? [requestTls, { rejectUnauthorized: false }]
  : [requestPlain, {}];
request({ ...options, host: "127.0.0.1", port, path: "/livez", timeout: 4000 })
  .on("response", ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .on("timeout", () => process.exit(1))
  .on("error", () => process.exit(1))
  .end();
