import { expect } from "chai";
import type { LogStore } from "../../domain/log/log-store.ts";
import { catchError } from "../samples/sample-records.ts";

/** A store under test, empty. `withWrongSecret` is the same one, refused by storage. */
export interface LogStoreSubject {
  store: LogStore;
  withWrongSecret: LogStore;
  close(): Promise<void>;
}

/** The tests that every LogStore has to pass; where `make` resolves to a sentence, they are skipped with it. */
export function logStoreContract(name: string, make: () => Promise<LogStoreSubject | string>): void {
  describe(name, () => {
    let subject: LogStoreSubject;
    before(async function () {
      const made = await make();
      if (typeof made === "string") {
        console.log(`      ${name}: skipped, ${made}`);
        this.skip();
      }
      subject = made;
    });
    after(() => subject?.close());
    const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

    it("reads what it has created, and nothing of what is not there", async () => {
      const { store } = subject;
      const bytes = Buffer.alloc(8192, 7);
      expect(await store.read("tile/0/x001/000")).to.equal(undefined);
      expect(await store.create("tile/0/x001/000", bytes, { isLocked: false })).to.equal(true);
      expect(Buffer.from((await store.read("tile/0/x001/000"))?.bytes ?? []).equals(bytes)).to.equal(true);
      expect(await store.read("tile/0/x001")).to.equal(undefined);
    });

    it("creates nothing where something is", async () => {
      const { store } = subject;
      expect(await store.create("tile/0/000.p/3", Buffer.from("first"), { isLocked: false })).to.equal(true);
      for (const second of ["first", "second"])
        expect(await store.create("tile/0/000.p/3", Buffer.from(second), { isLocked: false })).to.equal(false);
      expect(text((await store.read("tile/0/000.p/3"))?.bytes)).to.equal("first");
    });

    it("replaces only what was seen", async () => {
      const { store } = subject;
      expect(await store.replace("checkpoint", Buffer.from("none"), '"0123456789abcdef0123456789abcdef"')).to.equal(
        undefined,
      );
      const first = await store.replace("checkpoint", Buffer.from("one"), undefined);
      expect(first).to.be.a("string");
      expect(await store.replace("checkpoint", Buffer.from("two"), undefined)).to.equal(undefined);
      const second = await store.replace("checkpoint", Buffer.from("two"), first);
      expect(second).to.be.a("string");
      expect(await store.replace("checkpoint", Buffer.from("three"), first)).to.equal(undefined);
      expect(await store.read("checkpoint")).to.deep.include({ etag: second });
      expect(text((await store.read("checkpoint"))?.bytes)).to.equal("two");
    });

    it("lets one of many create and replace at once", async () => {
      const { store } = subject;
      const created = await Promise.all(
        Array.from({ length: 8 }, (_, nth) => store.create("race", Buffer.from(`${nth}`), { isLocked: false })),
      );
      expect(created.filter(Boolean)).to.have.length(1);
      const etag = (await store.read("race"))?.etag;
      const replaced = await Promise.all(
        Array.from({ length: 8 }, (_, nth) => store.replace("race", Buffer.from(`next ${nth}`), etag)),
      );
      expect(replaced.filter((one) => one !== undefined)).to.have.length(1);
    });

    it("is unavailable where storage refuses", async () => {
      const { withWrongSecret } = subject;
      for (const call of [
        () => withWrongSecret.read("checkpoint"),
        () => withWrongSecret.create("tile/0/009", Buffer.from("x"), { isLocked: false }),
        () => withWrongSecret.replace("checkpoint", Buffer.from("x"), undefined),
      ])
        expect(await catchError(call)).to.deep.include({ code: "unavailable", reason: "STORAGE_UNAVAILABLE" });
    });
  });
}
