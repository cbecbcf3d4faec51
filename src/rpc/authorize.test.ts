import { expect } from "chai";
import { Authority } from "../auth/authority.ts";
import { type Grant, GrantTable } from "../domain/access/grants.ts";
import { METHOD_RULES, NAMESPACE_RULES, SERVICE_METHODS } from "../domain/access/method-rules.ts";
import type { Caller, UploadToken } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import { sampleUploadToken } from "../testing/samples/sample-records.ts";
import { authorizeFunctions } from "./authorize.ts";
import type { BoundFunctions } from "./bound-functions.ts";

type Role = "reader" | "writer" | "deleter" | "auditor" | "admin";
type Outcome =
  | "done"
  | "PERMISSION_DENIED"
  | "NAMESPACE_NOT_FOUND"
  | "FILE_NOT_FOUND"
  | "UPLOAD_NOT_FOUND"
  | "LINK_NOT_FOUND";

const ALL_ROLES: readonly Role[] = ["reader", "writer", "deleter", "auditor", "admin"];
const UPLOAD_ID = "00000000-0000-4000-8000-000000000001";
const LINK_ID = "00000000-0000-4000-8000-000000000002";
const WHERE = { namespace: "one", path: "own/a", targetPath: "own/b" };
const BY_UPLOAD = { namespace: "one", uploadId: UPLOAD_ID };
const HOLD = { values: { legalHold: true, retainUntilTime: undefined }, updateMask: ["legal_hold"] };
const LABELS = { values: { legalHold: false, retainUntilTime: undefined }, updateMask: ["labels.team"] };

/** One kind of call, written by hand and not derived from METHOD_RULES: the sets of roles of which each is enough. */
interface Row {
  method: keyof typeof METHOD_RULES;
  request: object;
  enough: readonly (readonly Role[])[];
  /** What a caller hears who may not know what there is; a list is never hidden from whoever has a role. */
  hidden: Outcome | "list";
  /** Whether a role below a prefix is none for it. */
  isOfWhole?: boolean;
}

const atFile = (method: Row["method"], ...enough: Row["enough"][number][]): Row => {
  return { method, request: WHERE, enough, hidden: "FILE_NOT_FOUND" };
};
const atUpload = (method: Row["method"], ...enough: Row["enough"][number][]): Row => {
  return { method, request: BY_UPLOAD, enough, hidden: "UPLOAD_NOT_FOUND" };
};

/** Methods that are about all of a namespace. */
const WHOLE_METHODS = [
  ...(["createSubscription", "getSubscription", "listSubscriptions", "updateSubscription"] as const),
  ...(["deleteSubscription", "redeliverEvents", "exportDataSubject", "eraseDataSubject"] as const),
];

const TABLE: readonly Row[] = [
  atFile("createUpload", ["writer"]),
  { ...atFile("beginWrite", ["writer"]), request: { create: WHERE } },
  atUpload("beginWrite", ["writer"]),
  atUpload("writePart", ["writer"]),
  atUpload("signParts", ["writer"]),
  atUpload("completeUpload", ["writer"]),
  atUpload("abortUpload", ["writer"]),
  atUpload("getUpload", ["reader"], ["writer"]),
  atUpload("watchUpload", ["reader"], ["writer"]),
  {
    method: "createUploadToken",
    request: { namespace: "one", place: "own/" },
    enough: [["writer"]],
    hidden: "PERMISSION_DENIED",
  },
  atFile("getFile", ["reader"]),
  atFile("readFile", ["reader"]),
  atFile("createDownloadUrl", ["reader"]),
  atFile("listGenerations", ["reader"]),
  { method: "listFiles", request: { namespace: "one" }, enough: [["reader"]], hidden: "list" },
  { method: "searchFiles", request: { namespace: "one" }, enough: [["reader"]], hidden: "list" },
  { ...atFile("updateFile", ["writer"]), request: { ...WHERE, ...LABELS } },
  { ...atFile("updateFile", ["writer", "admin"]), request: { ...WHERE, ...HOLD } },
  { ...atFile("updateFile", ["writer", "admin"]), request: { ...WHERE, ...HOLD, updateMask: undefined } },
  // "*" leaves holds as they are.
  { ...atFile("updateFile", ["writer"]), request: { ...WHERE, ...HOLD, updateMask: ["*"] } },
  atFile("restoreGeneration", ["writer"]),
  { ...atFile("copyFile", ["reader", "writer"]), request: { ...WHERE, ...LABELS } },
  { ...atFile("copyFile", ["reader", "writer", "admin"]), request: { ...WHERE, ...HOLD } },
  { ...atFile("startCopy", ["reader", "writer"]), request: { ...WHERE, ...LABELS } },
  { ...atFile("startCopy", ["reader", "writer", "admin"]), request: { ...WHERE, ...HOLD } },
  atFile("moveFile", ["reader", "writer", "deleter"]),
  atFile("deleteFile", ["deleter"]),
  atFile("undeleteFile", ["deleter"]),
  atFile("purgeFile", ["deleter"]),
  { method: "purgeFiles", request: { namespace: "one" }, enough: [["deleter"]], hidden: "list" },
  atFile("createLink", ["reader", "writer"]),
  {
    method: "revokeLink",
    request: { namespace: "one", linkId: LINK_ID },
    enough: [["writer"]],
    hidden: "LINK_NOT_FOUND",
  },
  {
    method: "listAuditEntries",
    request: { namespace: "one", filter: "" },
    enough: [["auditor"]],
    hidden: "list",
  },
  {
    method: "getInclusionProof",
    request: { namespace: "one", entry: "1" },
    enough: [["auditor"]],
    hidden: "list",
  },
  { method: "startPurge", request: { namespace: "one" }, enough: [["deleter"]], hidden: "list" },
  ...(["getOperation", "listOperations", "waitOperation", "cancelOperation"] as const).map((method) => ({
    method,
    request: { namespace: "one" },
    enough: ALL_ROLES.map((role) => [role]),
    hidden: "list" as const,
  })),
  ...WHOLE_METHODS.map((method) => ({
    method,
    request: { namespace: "one" },
    enough: [["admin" as const]],
    hidden: "PERMISSION_DENIED" as const,
    isOfWhole: true,
  })),
  { method: "exportAudit", request: { namespace: "one", filter: "" }, enough: [["auditor"]], hidden: "list" },
  { method: "startAuditExport", request: { namespace: "one", filter: "" }, enough: [["auditor"]], hidden: "list" },
  { method: "listLinks", request: { namespace: "one", path: "" }, enough: [["writer"], ["auditor"]], hidden: "list" },
];

/** For methods on a namespace itself: the roles of which one is enough, and whether an entry in SLUICE_ADMINS is. */
const NAMESPACE_TABLE = {
  createNamespace: [[], true],
  getNamespace: [ALL_ROLES, true],
  updateNamespace: [["admin"], false],
  deleteNamespace: [["admin"], true],
  getUsage: [["auditor", "admin"], false],
  getGrants: [["auditor", "admin"], true],
  setGrants: [["admin"], true],
} as const satisfies Record<string, readonly [readonly Role[], boolean]>;

const PLACES = {
  "the whole namespace": (roles: readonly Role[]) => ({ one: [toGrant(roles, [])] }),
  "the path's own prefix": (roles: readonly Role[]) => ({ one: [toGrant(roles, ["own/", "more/"])] }),
  "another prefix": (roles: readonly Role[]) => ({ one: [toGrant(roles, ["other/"])] }),
  "another namespace": (roles: readonly Role[]) => ({ two: [toGrant(roles, [])] }),
  "somebody else": (roles: readonly Role[]) => ({
    one: [{ ...toGrant(roles, []), member: { principal: "acme:bob" } }],
  }),
} satisfies Record<string, (roles: readonly Role[]) => Partial<Record<"one" | "two", Grant[]>>>;

type Place = keyof typeof PLACES;

function toGrant(roles: readonly Role[], prefixes: readonly string[]): Grant {
  return { member: { principal: "acme:alice" }, roles, prefixes };
}

const ALICE: Caller = { principal: "acme:alice", groups: [], tokenKind: "oidc" };

function expectedOutcome({ enough, hidden, isOfWhole }: Row, roles: readonly Role[], place: Place): Outcome {
  if (roles.length === 0 || place === "another namespace" || place === "somebody else") return "NAMESPACE_NOT_FOUND";
  const isEnough = enough.some((set) => set.every((role) => roles.includes(role)));
  if (hidden === "list") return isEnough ? "done" : "PERMISSION_DENIED";
  if (place === "another prefix" || (isOfWhole && place === "the path's own prefix")) return hidden;
  if (isEnough) return "done";
  return roles.includes("reader") ? "PERMISSION_DENIED" : hidden;
}

/** All subsets of the roles: no role includes another, so that sets of them are as different as single ones. */
const ROLE_SETS = Array.from({ length: 2 ** ALL_ROLES.length }, (_, bits) =>
  ALL_ROLES.filter((_role, index) => (bits >> index) % 2 === 1),
);

const STREAMS: ReadonlySet<string> = new Set(["readFile", "watchUpload", "exportAudit"]);

/** The authorized functions over functions that do nothing but note their options. */
function authorize(
  grants: Partial<Record<"one" | "two", readonly Grant[]>>,
  admins: readonly string[] = [],
  { uploadTokenId }: { uploadTokenId?: string | undefined } = {},
) {
  const tables = new Map(["one", "two"].map((name) => [name, new GrantTable(grants[name as "one" | "two"] ?? [])]));
  const directory = { grantsOf: (name: string) => tables.get(name), freshen: () => undefined };
  const admitted: string[] = [];
  const seen: { scope?: readonly string[] | undefined }[] = [];
  const call = async (_request: unknown, options: { scope?: readonly string[] }) => void seen.push(options);
  const stream = async function* (_request: unknown, options: { scope?: readonly string[] }) {
    seen.push(options);
    yield "message";
  };
  const of = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, STREAMS.has(name) ? stream : call]));
  const bound = {
    uploads: of(Object.keys(METHOD_RULES)),
    fileQueries: {},
    fileCommands: {},
    namespaces: of(Object.keys(NAMESPACE_RULES)),
    subscriptions: {},
    audit: {},
    privacy: {},
    jobs: of(SERVICE_METHODS),
  } as unknown as BoundFunctions;
  const lookUp = async (namespace: string) => {
    // PostgreSQL takes no text with U+0000: what a statement gets must be the name of a namespace.
    if (!tables.has(namespace)) throw new Error(`looked for a path in ${JSON.stringify(namespace)}`);
    return "own/a";
  };
  const ofUpload = async (namespace: string) => ({ path: await lookUp(namespace), uploadTokenId });
  const paths = { ofUpload, ofLink: lookUp };
  const { uploads, namespaces, jobs } = authorizeFunctions(bound, new Authority(directory, { admins }), {
    paths,
    admitRequest: (namespace, { principal }) => void admitted.push(`${principal} ${namespace}`),
  });
  const functions = { ...uploads, ...namespaces, ...jobs } as unknown as Record<
    string,
    (request: object, options: { caller: Caller; signal: AbortSignal }) => unknown
  >;
  return { functions, seen, admitted };
}

async function outcomeOf(
  { functions }: ReturnType<typeof authorize>,
  method: string,
  { request, caller = ALICE }: { request: object; caller?: Caller },
): Promise<string> {
  try {
    const answer = functions[method]?.(request, { caller, signal: new AbortController().signal });
    if (STREAMS.has(method)) for await (const _ of answer as AsyncIterable<unknown>);
    else await answer;
    return "done";
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.reason;
  }
}

describe("authorizeFunctions", () => {
  it("has every method in the table of this test", () => {
    expect(new Set(TABLE.map(({ method }) => method))).to.have.all.keys(Object.keys(METHOD_RULES));
    expect([...Object.keys(NAMESPACE_TABLE), "listNamespaces", "getResidencyReport"]).to.have.members(
      Object.keys(NAMESPACE_RULES),
    );
  });

  for (const place of Object.keys(PLACES) as Place[]) {
    it(`decides every method for every set of roles as the table says, with grants for ${place}`, async () => {
      const wrong: string[] = [];
      for (const roles of ROLE_SETS) {
        const authorized = authorize(PLACES[place](roles));
        for (const row of TABLE) {
          const outcome = await outcomeOf(authorized, row.method, row);
          const expected = expectedOutcome(row, roles, place);
          if (outcome !== expected)
            wrong.push(`${row.method} ${JSON.stringify(row.request)} by ${roles}: ${outcome}, not ${expected}`);
        }
      }
      expect(wrong).to.deep.equal([]);
    });

    it(`decides the methods on namespaces likewise, with grants for ${place}`, async () => {
      const wrong: string[] = [];
      const isVisible = place !== "another namespace" && place !== "somebody else";
      for (const roles of ROLE_SETS)
        for (const isAdmin of [false, true]) {
          const authorized = authorize(PLACES[place](roles), isAdmin ? ["acme:alice"] : []);
          for (const [method, [enough, admins]] of Object.entries(NAMESPACE_TABLE)) {
            const has = isVisible && roles.some((role) => (enough as readonly Role[]).includes(role));
            const isKnown = method === "createNamespace" || isAdmin || (isVisible && roles.length > 0);
            const expected =
              has || (isAdmin && admins) ? "done" : isKnown ? "PERMISSION_DENIED" : "NAMESPACE_NOT_FOUND";
            const outcome = await outcomeOf(authorized, method, { request: { namespace: "one" } });
            if (outcome !== expected) wrong.push(`${method} by ${roles} (${isAdmin}): ${outcome}, not ${expected}`);
          }
        }
      expect(wrong).to.deep.equal([]);
    });
  }

  it("leaves the methods on the service to those of SLUICE_ADMINS, whatever roles others have", async () => {
    const [root, token] = [{ ...ALICE, principal: "acme:root" }, { ...ALICE, tokenKind: "upload" } as const];
    const authorized = authorize({ one: [toGrant(ALL_ROLES, [])] }, ["acme:root"]);
    for (const method of SERVICE_METHODS) {
      expect(await outcomeOf(authorized, method, { request: {} }), method).to.equal("PERMISSION_DENIED");
      expect(await outcomeOf(authorized, method, { request: {}, caller: token }), method).to.equal("PERMISSION_DENIED");
      expect(await outcomeOf(authorized, method, { request: {}, caller: root }), method).to.equal("done");
    }
  });

  it("gives lists the paths of their role alone", async () => {
    const grants = [toGrant(["reader"], ["a/", "b/"]), toGrant(["writer"], ["c/"]), toGrant(["auditor"], ["d/"])];
    const authorized = authorize({ one: grants });
    for (const method of ["listFiles", "searchFiles", "listLinks"])
      expect(await outcomeOf(authorized, method, { request: { namespace: "one", path: "a/x" } })).to.equal("done");
    expect(authorized.seen.map(({ scope }) => scope)).to.deep.equal([
      ["a/", "b/"],
      ["a/", "b/"],
      ["c/", "d/"],
    ]);
  });

  it("asks for each role of a move and a copy where it is needed", async () => {
    const both = { namespace: "one", path: "from/a", targetPath: "to/b", ...LABELS };
    const mover = [toGrant(["reader", "deleter"], ["from/"]), toGrant(["writer"], ["to/"])];
    expect(await outcomeOf(authorize({ one: mover }), "moveFile", { request: both })).to.equal("done");
    expect(await outcomeOf(authorize({ one: mover }), "copyFile", { request: both })).to.equal("done");
    const back = { ...both, path: "to/b", targetPath: "from/a" };
    expect(await outcomeOf(authorize({ one: mover }), "moveFile", { request: back })).to.equal("FILE_NOT_FOUND");
    const reading = [toGrant(["reader", "deleter"], []), toGrant(["writer"], ["to/"])];
    expect(await outcomeOf(authorize({ one: reading }), "copyFile", { request: back })).to.equal("PERMISSION_DENIED");
    const holding = [...mover, toGrant(["admin"], ["from/"])];
    const held = { ...both, ...HOLD };
    expect(await outcomeOf(authorize({ one: holding }), "copyFile", { request: held })).to.equal("FILE_NOT_FOUND");
  });

  it("knows no namespace that is none, whoever asks", async () => {
    const developer: Caller = { principal: "dev:local", groups: [], tokenKind: "dev" };
    const authorized = authorize({}, ["acme:alice"]);
    for (const caller of [ALICE, developer])
      for (const method of Object.keys(NAMESPACE_TABLE).filter((name) => name !== "createNamespace"))
        expect(await outcomeOf(authorized, method, { request: { namespace: "none" }, caller })).to.equal(
          "NAMESPACE_NOT_FOUND",
        );
    for (const caller of [ALICE, developer])
      for (const namespace of ["none", "a\u0000"])
        for (const { method, request } of TABLE) {
          const other = { ...request, ...("create" in request && { create: { ...WHERE, namespace } }), namespace };
          expect(await outcomeOf(authorized, method, { request: other, caller }), method).to.equal(
            "NAMESPACE_NOT_FOUND",
          );
        }
  });

  it("counts each call once against the quotas of requests, and none of callers without the right to it", async () => {
    for (const { method, request } of TABLE) {
      const [allowed, refused] = [authorize(PLACES["the whole namespace"](ALL_ROLES)), authorize({})];
      await outcomeOf(allowed, method, { request });
      await outcomeOf(refused, method, { request });
      const isCounted = Object.hasOwn(METHOD_RULES, method);
      expect(allowed.admitted, method).to.deep.equal(isCounted ? ["acme:alice one"] : []);
      expect(refused.admitted, method).to.deep.equal([]);
    }
  });

  describe("of a caller with an upload token", () => {
    const TOKEN_ID = "0190a3b4-5c6d-7e8f-9a0b-0000000000bb";
    const OWN = { uploadTokenId: TOKEN_ID };
    const byToken = (changes: Partial<UploadToken> = {}): Caller => {
      const issuer = { principal: "acme:alice", groups: ["acme:wren"], tokenKind: "oidc" as const };
      const uploadToken = sampleUploadToken({ tokenId: TOKEN_ID, namespace: "one", issuer, ...changes });
      return { principal: "acme:alice", groups: [], tokenKind: "upload", uploadToken };
    };
    const everything = { one: [toGrant(ALL_ROLES, [])] };
    const ALLOWED = [
      ...["createUpload", "beginWrite", "writePart", "signParts"],
      ...["completeUpload", "abortUpload", "getUpload", "watchUpload"],
    ];

    it("allows the methods of uploads, and refuses every other in the same words", async () => {
      const authorized = authorize(everything, ["acme:alice"], OWN);
      for (const { method, request } of TABLE) {
        const expected = ALLOWED.includes(method) ? "done" : "PERMISSION_DENIED";
        expect(await outcomeOf(authorized, method, { request, caller: byToken() }), method).to.equal(expected);
      }
      for (const method of Object.keys(NAMESPACE_RULES)) {
        const outcome = await outcomeOf(authorized, method, { request: { namespace: "one" }, caller: byToken() });
        expect(outcome, method).to.equal("PERMISSION_DENIED");
      }
    });

    it("reaches no path beside its place, in no spelling, and no other namespace", async () => {
      const authorized = authorize(everything, [], OWN);
      const at = (path: string, place: string) =>
        outcomeOf(authorized, "createUpload", { request: { namespace: "one", path }, caller: byToken({ place }) });
      for (const [path, place] of [
        ["own/a", "own/"],
        ["own/a", "own/a"],
        ["anything", ""],
        ["caf\u0065\u0301/a", "caf\u00e9/"],
      ] as const)
        expect(await at(path, place), path).to.equal("done");
      for (const [path, place] of [
        ["own", "own/"],
        ["ownership/a", "own/"],
        ["Own/a", "own/"],
        ["own/a.exe", "own/a"],
        ["own/a/b", "own/a"],
        ["own/", "own/a"],
        ["", "own/"],
      ] as const)
        expect(await at(path, place), path).to.equal("PERMISSION_DENIED");
      for (const { method, request } of TABLE.filter((row) => ALLOWED.includes(row.method))) {
        const other = {
          ...request,
          ...("create" in request && { create: { ...WHERE, namespace: "two" } }),
          namespace: "two",
        };
        expect(await outcomeOf(authorized, method, { request: other, caller: byToken() })).to.equal(
          "PERMISSION_DENIED",
        );
      }
    });

    it("knows no upload that another token, or none, has created", async () => {
      for (const uploadTokenId of [undefined, UPLOAD_ID]) {
        const authorized = authorize(everything, [], { uploadTokenId });
        for (const method of ALLOWED.filter((name) => name !== "createUpload"))
          expect(await outcomeOf(authorized, method, { request: BY_UPLOAD, caller: byToken() }), method).to.equal(
            "UPLOAD_NOT_FOUND",
          );
      }
    });

    it("may no more than its issuer may, by themselves or by a group", async () => {
      const create = (grants: Grant[], caller = byToken()) =>
        outcomeOf(authorize({ one: grants }, [], OWN), "createUpload", { request: WHERE, caller });
      const byGroup = { ...toGrant(["writer"], []), member: { group: "acme:wren" } };
      expect(await create([toGrant(["writer"], ["own/"])])).to.equal("done");
      expect(await create([byGroup])).to.equal("done");
      expect(await create([])).to.equal("PERMISSION_DENIED");
      expect(await create([toGrant(["reader", "deleter", "auditor", "admin"], [])])).to.equal("PERMISSION_DENIED");
      expect(await create([toGrant(["writer"], ["other/"])])).to.equal("PERMISSION_DENIED");
      const developer = { principal: "dev:local", groups: [], tokenKind: "dev" as const };
      expect(await create([], byToken({ issuer: developer }))).to.equal("done");
    });
  });

  it("refuses to serve a function that no rule is of", () => {
    const bound = {
      uploads: { newMethod: async () => undefined },
      fileQueries: {},
      fileCommands: {},
      namespaces: {},
      subscriptions: {},
      audit: {},
      privacy: {},
      jobs: {},
    };
    const directory = { grantsOf: () => undefined, freshen: () => undefined };
    const paths = { ofUpload: async () => undefined, ofLink: async () => undefined };
    const authority = new Authority(directory, { admins: [] });
    const options = { paths, admitRequest: () => undefined };
    expect(() => authorizeFunctions(bound as unknown as BoundFunctions, authority, options)).to.throw("newMethod");
  });
});
