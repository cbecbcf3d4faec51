import { namespaceRepositoryContract } from "../contracts/namespace-repository-contract.ts";
import { FakeNamespaceRepository, NOTHING_USED } from "./fake-namespace-repository.ts";

describe("FakeNamespaceRepository", () => {
  namespaceRepositoryContract(async () => {
    const unfinished = new Map<string, number>();
    const usageOf = (name: string) => ({
      ...NOTHING_USED,
      unfinishedUploads: unfinished.get(name) ?? 0,
    });
    return {
      namespaces: new FakeNamespaceRepository({ usageOf }),
      beginUpload: async (name) => {
        unfinished.set(name, 1);
        return async () => void unfinished.set(name, 0);
      },
      close: async () => undefined,
    };
  });
});
