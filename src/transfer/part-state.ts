import type { HeldBytes } from "../domain/memory/held-bytes.ts";
import type { BodyInFlight, OneShotBodyInFlight, PartTarget, PutTarget } from "../domain/object-store.ts";
import type { DurablePart } from "../domain/uploads/upload.ts";
import type { Permit } from "./memory-budget.ts";
import type { SpilledBytes } from "./spilled-bytes.ts";

/**
 * The life of a part: where its bytes are, from the first one until S3 has all of them.
 *
 *     durable already ─► comparing ─────────────────all bytes have come─────────► settled
 *
 *     new ─► held ──destination is known──► sending ──S3 has all bytes──────────► settled
 *             │  └──the same, one-shot────► passing ──S3 has all bytes──────────► settled
 *             │                              │  ▲
 *             │                              │  └─read back── gathering
 *             │                              │                   ▲ all bytes have come,
 *             │                              ▼                   │ destination is known
 *             └───────memory is short───► spilling ──S3 has──► spilled
 *                                            ▲                   │
 *                                            └──memory is short──┘
 *
 * Only a part that is held, sending or spilled can be spilled; the arrow from `sending` leads to `spilling`, the one from
 * `gathering` back to `sending`. A part that fails keeps its state, and its permit until all others of its writer have settled.
 */
export type PartState = Comparing | Held | Sending | Passing | Spill | Gathering | { kind: "settled" };

/** What a part becomes in S3: a part of a multipart upload, or the whole object. */
export type Destination = { kind: "part"; target: PartTarget } | { kind: "put"; target: PutTarget };

/** The part is durable: the bytes that come again are summed, and the sums compared in the end. They take no memory. */
interface Comparing {
  kind: "comparing";
  durable: DurablePart;
}

/** Bytes wait in memory for a destination. Only the first part of an upload of unknown size has none for long. */
interface Held {
  kind: "held";
  permit: Permit;
  bytes: HeldBytes;
  destination: Destination | undefined;
}

/** Bytes go into a replayable body, which keeps them until S3 has all. */
export interface Sending {
  kind: "sending";
  permit: Permit;
  destination: Destination;
  body: BodyInFlight;
}

/**
 * The part is too large to be kept: its bytes go through a one-shot body, and no more of them than a window are in memory.
 * However small the permit is, bytes go on through it, so the part never waits for others.
 */
export interface Passing {
  kind: "passing";
  permit: Permit;
  destination: Destination;
  body: OneShotBodyInFlight;
  /** Resolves once there is room in the window; undefined until the writer has waited for that. */
  room: PromiseWithResolvers<void> | undefined;
}

/** Bytes so far are on their way to S3 as objects of their own, or are there. `bytes`: those that came later, in memory. */
export interface Spill {
  kind: "spilling" | "spilled";
  permit: Permit;
  bytes: HeldBytes;
  spilled: SpilledBytes;
  destination: Destination | undefined;
}

/** All bytes have come: the part gets memory for all of them in its turn, and reads back what was spilled. */
export interface Gathering {
  kind: "gathering";
  permit: Permit;
  bytes: HeldBytes;
  spilled: SpilledBytes;
  destination: Destination;
}
