import type { UploadAccess } from "../commands/uploads/upload-access.ts";
import type { MemoryBudget } from "./memory-budget.ts";

/** What moves the bytes of uploads works with. */
export interface TransferAccess extends UploadAccess<"catalogue" | "writers" | "commits"> {
  /** The memory of all parts that pass through this process. */
  budget: MemoryBudget;
}
