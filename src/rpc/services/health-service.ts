import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/grpc/health/v1/health_pb.ts";
import { ConfigurationService } from "../../../gen/sluice/v1/configuration_service_pb.ts";
import { UploadService } from "../../../gen/sluice/v1/upload_service_pb.ts";
import type { WorkLimiter, WorkLimits } from "../../domain/limits/work-limiter.ts";
import { currentArrival } from "../calls/message-arrival.ts";
import type { Readiness } from "./readiness.ts";

/**
 * Limits of a worker's Watch streams. They need no token, may last for days, and take some 20 KiB each. A load balancer
 * watches once for each connection; a client that cannot watch tries again.
 */
export const HEALTH_WATCH_LIMITS: WorkLimits = { runningMax: 256, waitingMax: 0 };

/** Components without which a service can do none of its work. Without storage, files can still be found, listed and moved. */
const NEEDS_OF_MOST = ["server", "database"];
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  [UploadService.typeName]: [...NEEDS_OF_MOST, "storage"],
  [ConfigurationService.typeName]: ["server"],
};

/**
 * The gRPC health protocol (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) over real readiness. A service
 * serves as long as the components work without which it can do nothing; the empty name stands for the replica, which is
 * ready or not. Watch sends each change and ends after the last one, when the replica drains, so that it never delays a
 * shutdown. Watches are limited in all and by the address that they come from.
 */
export function createHealthService(
  readiness: Readiness,
  { serviceNames, watches }: { serviceNames: readonly string[]; watches: WorkLimiter },
): ServiceImpl<typeof Health> {
  const known = new Set(["", ...serviceNames]);
  const status = (service: string) => {
    const isServing = service === "" ? readiness.isReady : !readiness.hasProblem(NEEDS[service] ?? NEEDS_OF_MOST);
    return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  return {
    check: async ({ service }) => {
      if (!known.has(service)) throw new ConnectError(`service "${service}" is not served here`, Code.NotFound);
      return { status: status(service) };
    },
    list: async () => ({
      statuses: Object.fromEntries(Array.from(known, (service) => [service, { status: status(service) }])),
    }),
    async *watch({ service }, { signal }) {
      const leave = await watches.enter(currentArrival().address);
      try {
        let sent: ServingStatus | undefined;
        while (!signal.aborted) {
          const current = known.has(service) ? status(service) : ServingStatus.SERVICE_UNKNOWN;
          if (current !== sent) {
            sent = current;
            yield { status: current };
            continue; // the status may have changed while the message went out
          }
          if (readiness.isDraining) return;
          await nextChange(readiness, signal);
        }
      } finally {
        leave();
      }
    },
  };
}

/** Resolves at the next change of readiness, or when the signal aborts. */
async function nextChange(readiness: Readiness, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  const unsubscribe = readiness.subscribe(resolve);
  signal.addEventListener("abort", onAbort, { once: true });
  await promise;
  unsubscribe();
  signal.removeEventListener("abort", onAbort);
}
