import { DomainError } from "../../domain/errors.ts";
import { findNearest } from "../../domain/nearest-name.ts";
import type { AwsService } from "./aws-service.ts";
import { SERVICES } from "./services.ts";

/** The service of that name; `invalid_argument / CONFIGURATION_INVALID` with the nearest name where there is none. */
export function findService(name: string): AwsService {
  const found = SERVICES.find((service) => service.name === name);
  if (found !== undefined) return found;
  const names = SERVICES.map((service) => service.name);
  const nearest = findNearest(name, names);
  const hint = nearest === undefined ? `there are ${names.join(", ")}` : `did you mean "${nearest}"?`;
  throw new DomainError("invalid_argument", `there is no AWS service "${name}" to explain; ${hint}`, {
    reason: "CONFIGURATION_INVALID",
    field: "service",
  });
}
