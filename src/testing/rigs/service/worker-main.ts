import { listen } from "../../../rpc/listener/listener.ts";
import { answerVersion, TEST_LISTENER_LIMITS } from "./test-listener.ts";

/*
 * The process entry of a worker of tests: it only answers, on the port that its first argument names, at most as many
 * connections at once as its second one.
 */
const [, , port, connectionsMax] = process.argv;
await listen({
  host: "127.0.0.1",
  port: Number(port),
  tls: undefined,
  onRequest: answerVersion,
  onError: () => {},
  limits: { ...TEST_LISTENER_LIMITS, connectionsMax: Number(connectionsMax) },
});
