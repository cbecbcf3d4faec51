import type { Environment } from "./config-environment.ts";

/** Names and addresses that only this machine reaches. */
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/;

/** Whether only this machine reaches the host, which is an address, with brackets around one of IPv6 or not, or a name. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.test(host);
}

/** What does not fit together in how connections are protected, one sentence each. */
export function findTlsProblems(env: Partial<Environment>): string[] {
  const { SLUICE_TLS_CERT: cert, SLUICE_TLS_KEY: key, SLUICE_PLAINTEXT: plaintext, SLUICE_LISTEN: listen } = env;
  const problems: string[] = [];
  if ((cert === undefined) !== (key === undefined)) {
    problems.push("SLUICE_TLS_CERT and SLUICE_TLS_KEY must be set together");
  }
  if (env.SLUICE_TLS_CLIENT_CA !== undefined && cert === undefined) {
    problems.push("SLUICE_TLS_CLIENT_CA asks callers for certificates, which needs TLS; set SLUICE_TLS_CERT as well");
  }
  if (plaintext !== undefined && cert !== undefined) {
    problems.push(
      "SLUICE_PLAINTEXT says that the port has no TLS, and SLUICE_TLS_CERT gives it TLS; unset one of them",
    );
  }
  const isHere = listen === undefined || isLoopbackHost(listen.replace(/:\d+$/, ""));
  if (!isHere && cert === undefined && plaintext === undefined) {
    problems.push(
      `SLUICE_LISTEN is ${listen}, which other hosts reach, and the port has no TLS; set SLUICE_TLS_CERT and SLUICE_TLS_KEY, or SLUICE_PLAINTEXT=behind-proxy where a proxy in front has the TLS`,
    );
  }
  return problems;
}
