import type { MemoryBudget } from "../domain/memory-budget.ts";
import type { WindowMemory } from "./session-windows.ts";

/** The memory of HTTP/2 windows, as a share of the budget that parts live on. */
export function createWindowMemory(budget: MemoryBudget): WindowMemory & { readonly takenBytes: number } {
  const permit = budget.open();
  // Held, so that nobody waits for it to come back as a whole part would: windows shrink when their callers idle or go.
  const holder = { restBytes: 1, onTrimmed: () => {}, giveWay: () => 0 };
  budget.hold(permit, {
    ...holder,
    get heldBytes() {
      return permit.bytes;
    },
  });
  return {
    tryTake: (bytes) => budget.tryGrow(permit, bytes),
    giveBack: (bytes) => budget.shrink(permit, permit.bytes - bytes),
    get takenBytes() {
      return permit.bytes;
    },
  };
}
