import { expect } from "chai";
import { DomainError } from "../domain/errors.ts";
import { UploadSessions } from "./upload-sessions.ts";

describe("UploadSessions", () => {
  it("admits so many at once, and another when one has gone", () => {
    const sessions = new UploadSessions(2);
    const seats = [sessions.admit(), sessions.admit()];
    expect(() => sessions.admit())
      .to.throw(DomainError, "2 uploads are being written here")
      .with.property("retryAfterMs", 1000);
    sessions.release(seats[0] as (typeof seats)[0]);
    sessions.release(seats[0] as (typeof seats)[0]);
    expect(sessions.size).to.equal(1);
    sessions.admit();
  });

  it("tells everybody when it drains, and admits nobody any more", () => {
    const sessions = new UploadSessions(3);
    const told: string[] = [];
    for (let i = 0; i < 2; i++) sessions.admit().fail = ({ message }) => told.push(message);
    sessions.admit();
    sessions.assertAdmitting();
    sessions.drain();
    expect(told).to.have.length(2);
    expect(told[0]).to.include("go on from the durable offset on another");
    expect(() => sessions.admit())
      .to.throw(DomainError)
      .with.property("reason", "SHUTTING_DOWN");
    expect(() => sessions.assertAdmitting())
      .to.throw(DomainError)
      .with.property("reason", "SHUTTING_DOWN");
  });
});
