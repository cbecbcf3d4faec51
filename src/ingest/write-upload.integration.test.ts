import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect } from "chai";
import { RawConnection } from "../testing/raw-write-call.ts";
import { type RunningService, startService } from "../testing/running-service.ts";

describe("smoke", () => {
  let service: RunningService;
  let connection: RawConnection;
  before(async () => {
    service = await startService();
    connection = new RawConnection(service.url);
  });
  after(async () => {
    await connection.close();
    await service.stop();
  });
  it("uploads", async () => {
    const bytes = Buffer.alloc(300_000, "abc");
    const call = connection.write();
    call.send({
      start: { target: { case: "create", value: { requestId: randomUUID(), namespace: "default", path: "a/b" } } },
    });
    call.sendBytes(bytes, { crc32 }).send({ finish: {} }).end();
    const { receipt } = await call.committed();
    expect(receipt?.crc32).to.equal(crc32(bytes));
    expect((await call.status).code).to.equal(0);
    expect(service.app.load).to.deep.equal({ sessions: 0, partBytes: 0 });
  });
});
