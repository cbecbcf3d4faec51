import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { NamespaceResidencySchema, StoredPlaceSchema } from "../../../gen/sluice/v1/namespace_service_pb.ts";
import type { StoredPlace } from "../../domain/files/file-repository.ts";
import type { NamespaceResidency } from "../../queries/residency-report.ts";

/** Where a namespace's bytes lie, as the API shows it. */
export function toResidencyMessage(residency: NamespaceResidency): MessageInitShape<typeof NamespaceResidencySchema> {
  const { namespace, bucket, region, regionRead, allowedRegions, places, isCut, violations } = residency;
  return {
    namespace,
    bucket,
    region,
    allowedRegions: [...allowedRegions],
    actualRegion: regionRead?.region ?? "",
    ...(regionRead !== undefined && { readTime: timestampFromDate(regionRead.readTime) }),
    places: places.map(toPlaceMessage),
    truncated: isCut,
    violations: violations.map((violation) => ({
      problem: violation.problem,
      ...(violation.kind === "files" && { place: toPlaceMessage(violation.place) }),
    })),
  };
}

function toPlaceMessage(place: StoredPlace): MessageInitShape<typeof StoredPlaceSchema> {
  const { bucket, region, generations, sizeBytes } = place;
  return { bucket, region, generations: BigInt(generations), sizeBytes };
}
