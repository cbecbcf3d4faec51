import { expect } from "chai";
import { expectProblem, problemsWith } from "../../testing/aws/settings-problems.ts";
import { toConsumers } from "./consumers.ts";
import { parseSettings } from "./parse-settings.ts";
import { toSite } from "./to-site.ts";

const ROLE = "arn:aws:iam::444455556666:role/reports";
const FUNCTION = "arn:aws:lambda:eu-central-1:444455556666:function:report";

function refuses(said: Readonly<Record<string, unknown>>, option: string, sentence: RegExp): void {
  expectProblem({ consumers: [{ name: "reports", ...said }] }, `consumers.0.${option}`, sentence);
}

describe("consumers", () => {
  it("read Sluice's files and write into a folder of their own, where no prefix is said", () => {
    const said = [
      { name: "reports", role: ROLE },
      { name: "scans", account: "444455556666", access: "both" },
    ];
    const settings = parseSettings({
      bucket: "my-files",
      region: "eu-central-1",
      account: "111122223333",
      consumers: said,
    });
    const consumers = toConsumers(toSite(settings), settings.consumers);
    expect(
      consumers.map(({ account, prefix, mayRead, mayWrite }) => ({ account, prefix, mayRead, mayWrite })),
    ).to.deep.equal([
      { account: "444455556666", prefix: "files/", mayRead: true, mayWrite: false },
      { account: "444455556666", prefix: "external/scans/", mayRead: true, mayWrite: true },
    ]);
  });

  it("are of another account: a role of the bucket's own needs no statement", () => {
    refuses({ account: "111122223333" }, "account", /is of account 111122223333, the bucket's own/);
    refuses(
      { role: "arn:aws:iam::111122223333:role/reports" },
      "role",
      /the bucket's own: a policy of the role itself/,
    );
  });

  it("are of the bucket's partition", () => {
    const sentence = /lies in partition aws-cn, the bucket in aws: .*name an account of aws$/;
    refuses({ role: ROLE.replace("aws", "aws-cn") }, "role", sentence);
    refuses({ role: ROLE, function: FUNCTION.replace("aws", "aws-cn") }, "function", sentence);
    const china = { region: "cn-north-1", consumers: [{ name: "reports", role: ROLE }] };
    expectProblem(china, "consumers.0.role", /lies in partition aws, the bucket in aws-cn/);
  });

  it("are somebody, and one account's", () => {
    refuses({}, "name", /names nobody: say the ARN of its role, or its account/);
    refuses(
      { account: "777788889999", role: ROLE },
      "role",
      /belongs to account 444455556666, and the consumer to 777788889999/,
    );
    refuses({ role: ROLE, function: FUNCTION.replace("4444", "7777") }, "function", /belongs to account 777755556666/);
  });

  it("are functions by their execution role", () => {
    refuses({ account: "444455556666", function: FUNCTION }, "function", /needs the function's execution role/);
    expect(problemsWith({ consumers: [{ name: "reports", role: ROLE, function: FUNCTION }] })).to.deep.equal([]);
    refuses({ role: ROLE, function: `${FUNCTION}:live` }, "function", /without a version or alias/);
  });

  it("write into a folder that is nobody else's", () => {
    refuses({ role: ROLE, access: "write", prefix: "files/" }, "prefix", /is not the consumer's own/);
    refuses({ role: ROLE, access: "both", prefix: "external/" }, "prefix", /is not the consumer's own/);
    refuses(
      { role: ROLE, access: "write", prefix: "external/athena/x/" },
      "prefix",
      /the folder of the AWS service athena/,
    );
    expectProblem(
      { consumers: [{ name: "athena", role: ROLE, access: "write" }] },
      "consumers.0.prefix",
      /athena lies in the folder/,
    );
  });

  it("read where there is something", () => {
    refuses({ role: ROLE, prefix: "another/" }, "prefix", /has nothing in it: files lie below files\//);
    for (const prefix of ["files/", "external/", "external/athena/"]) {
      expect(problemsWith({ consumers: [{ name: "reports", role: ROLE, prefix }] }), prefix).to.deep.equal([]);
    }
  });

  it("have each a name, of which an access point can be called", () => {
    const twice = [0, 1].map(() => ({ name: "reports", role: ROLE }));
    expectProblem({ consumers: twice }, "consumers.1.name", /two consumers are called reports/);
    for (const name of ["Reports", "a-1", "-a", "a".repeat(21)]) {
      expectProblem({ consumers: [{ name, role: ROLE }] }, "consumers.0.name", /a consumer's name has/);
    }
  });

  it("say the near name of an option that there is not", () => {
    refuses(
      { role: ROLE, prefixes: "files/" },
      "prefixes",
      /consumers\.0\.prefixes is no setting; did you mean "prefix"\?/,
    );
  });

  it("are 50 at most", () => {
    const letters = "abcdefghijklmnopqrstuvwxyz";
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => ({
        name: `${letters[at % 26]}${letters[Math.floor(at / 26)]}`,
        role: ROLE,
      }));
    expect(problemsWith({ consumers: many(50) })).to.deep.equal([]);
    expectProblem({ consumers: many(51) }, "consumers", /50/);
  });
});
