import { expect } from "chai";
import { Client } from "pg";
import { createTestDatabase, type TestDatabase } from "../../testing/rigs/database/postgres.ts";
import { hearClientErrors } from "./unheard-errors.ts";

describe("hearClientErrors", () => {
  let database: TestDatabase;
  before(async () => {
    hearClientErrors();
    database = await createTestDatabase();
  });
  after(() => database.drop());

  it("keeps a connection that the server ends, and nobody uses, from ending the process", async () => {
    const [idle, other] = [new Client(database.adminUrl), new Client(database.adminUrl)];
    await Promise.all([idle.connect(), other.connect()]);
    const ended = new Promise<void>((resolve) => idle.once("end", () => resolve()));
    const { rows } = await idle.query("SELECT pg_backend_pid() AS pid");
    await other.query("SELECT pg_terminate_backend($1)", [rows[0].pid]);
    // Without a listener, Node throws the error as uncaught, and mocha fails the test by it.
    await ended;
    expect(await idle.query("SELECT 1").catch((error: Error) => error.message)).to.be.a("string");
    await other.end();
  });
});
