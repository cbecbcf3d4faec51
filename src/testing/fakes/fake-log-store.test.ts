import { DomainError } from "../../domain/errors.ts";
import { logStoreContract } from "../contracts/log-store-contract.ts";
import { FakeLogStore } from "./fake-log-store.ts";

logStoreContract("FakeLogStore", async () => {
  const withWrongSecret = new FakeLogStore();
  withWrongSecret.failure = new DomainError("unavailable", "storage refuses", { reason: "STORAGE_UNAVAILABLE" });
  return { store: new FakeLogStore(), withWrongSecret, close: async () => {} };
});
