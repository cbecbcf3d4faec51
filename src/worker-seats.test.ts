import { EventEmitter } from "node:events";
import { expect } from "chai";
import { channelOf, SeatOffice, WorkerSeats } from "./worker-seats.ts";

/** Both ends of a worker, joined without a process: what one sends the other hears at once. */
function createWorker(office: SeatOffice, options: { seatsMax: number; workers: number }) {
  const inside = Object.assign(new EventEmitter(), {
    connected: true,
    send: (message: unknown) => outside.hear(message),
  });
  const outside = Object.assign(new EventEmitter(), {
    isConnected: () => inside.connected,
    send: (message: unknown) => inside.emit("message", message),
    hear: (message: unknown) => outside.emit("message", message),
  });
  office.serve(outside as unknown as Parameters<SeatOffice["serve"]>[0]);
  const seats = new WorkerSeats(channelOf(inside as unknown as NodeJS.Process), options);
  return { seats, inside, outside };
}

describe("Seats of workers", () => {
  const shared = { seatsMax: 10, workers: 2 };

  it("are taken by whoever needs them, up to all there are", async () => {
    const office = new SeatOffice(10);
    const [one, other] = [createWorker(office, shared), createWorker(office, shared)];
    expect(await one.seats.take(8)).to.equal(8);
    expect(await other.seats.take(8)).to.equal(2);
    expect(await Promise.all([one.seats.take(1), other.seats.take(1)])).to.deep.equal([0, 0]);
    one.seats.giveBack(3);
    expect(await other.seats.take(2)).to.equal(2);
    expect(await one.seats.take(5)).to.equal(1);
  });

  it("come back from a worker that has ended", async () => {
    const office = new SeatOffice(10);
    const [one, other] = [createWorker(office, shared), createWorker(office, shared)];
    await one.seats.take(7);
    one.seats.giveBack(2);
    one.outside.emit("exit");
    expect(await other.seats.take(20)).to.equal(10);
  });

  it("are not given to a worker whose channel is closed, nor asked for through it", async () => {
    const office = new SeatOffice(10);
    const [one, other] = [createWorker(office, shared), createWorker(office, shared)];
    one.inside.connected = false;
    void one.seats.take(1);
    one.seats.giveBack(1);
    one.outside.hear({ seats: "take", id: 1, count: 4 });
    one.outside.emit("exit");
    expect(await other.seats.take(20)).to.equal(10);
  });

  it("do not mind other messages", async () => {
    const office = new SeatOffice(10);
    const { seats, inside, outside } = createWorker(office, shared);
    for (const message of [null, "take", 7, {}, { seats: "all" }, { seats: "taken", id: 99, count: 1 }]) {
      outside.hear(message);
      inside.emit("message", message);
    }
    expect(await seats.take(10)).to.equal(10);
  });

  it("are kept free by each worker in so small a number that nobody misses them", () => {
    const spareOf = (seatsMax: number, workers: number) =>
      createWorker(new SeatOffice(seatsMax), { seatsMax, workers }).seats.spareMax;
    expect([spareOf(1000, 2), spareOf(100, 2), spareOf(31, 2), spareOf(1000, 64)]).to.deep.equal([8, 3, 0, 0]);
  });
});
