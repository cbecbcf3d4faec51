import { type Command, Option } from "commander";
import { parseLifetime } from "../terminal/parse-lifetime.ts";
import type { Terminal } from "../terminal/terminal.ts";

// The actions are loaded when one is called, like those of all commands that call the service.
const loadNamespaces = () => import("./namespace-actions.ts");
const loadGrants = () => import("./grant-actions.ts");

interface Common {
  withService: (command: Command) => Command;
  parseCount: (text: string) => number;
}

/** Adds `sluice namespaces` and `sluice grants`. Functions that other commands use as well are passed in. */
export function addNamespaces(program: Command, terminal: Terminal, common: Common): void {
  const { withService } = common;
  const namespaces = program.command("namespaces").description("namespaces: where files are, and their limits");
  withService(namespaces.command("list"))
    .description("list the namespaces in which you have a role: name, bucket, region, key prefix")
    .action(async (options) => (await loadNamespaces()).runListNamespaces(terminal, options));
  withService(namespaces.command("get"))
    .description("show a namespace with its limits")
    .argument("<namespace>", "name of the namespace")
    .action(async (name, options) => (await loadNamespaces()).runGetNamespace(terminal, name, options));
  withLimits(withService(namespaces.command("create")), common)
    .description("make a namespace; limits that are left out are the service's own")
    .argument("<namespace>", "name of the namespace")
    .requiredOption("--bucket <name>", "bucket of its files")
    .requiredOption("--region <region>", "AWS region of the bucket")
    .option("--key-prefix <prefix>", 'beginning of the keys of its files, ending in "/"; its name when left out')
    .action(async (name, options) => (await loadNamespaces()).runCreateNamespace(terminal, name, options));
  withEtag(withLimits(withService(namespaces.command("update")), common))
    .description("change limits of a namespace; those that are left out stay")
    .argument("<namespace>", "name of the namespace")
    .action(async (name, options) => (await loadNamespaces()).runUpdateNamespace(terminal, name, options));
  withEtag(withService(namespaces.command("delete")))
    .description("delete an empty namespace for good; its name is never used again")
    .argument("<namespace>", "name of the namespace")
    .action(async (name, options) => (await loadNamespaces()).runDeleteNamespace(terminal, name, options));
  withService(namespaces.command("usage"))
    .description("count what a namespace keeps, and what is used of its quotas")
    .argument("<namespace>", "name of the namespace")
    .option("--principal <principal>", "show what this principal uses as well")
    .action(async (name, options) => (await loadNamespaces()).runUsage(terminal, name, options));
  addGrants(program, terminal, common);
}

function addGrants(program: Command, terminal: Terminal, { withService }: Common): void {
  const grants = program.command("grants").description("grants: who may do what in a namespace");
  withService(grants.command("get"))
    .description("print the grants of a namespace as YAML, in the form that set reads")
    .argument("<namespace>", "name of the namespace")
    .action(async (name, options) => (await loadGrants()).runGetGrants(terminal, name, options));
  withEtag(withService(grants.command("set")))
    .description("replace all grants of a namespace by those of a file; its etag is the one to be replaced")
    .argument("<namespace>", "name of the namespace")
    .argument("<file>", 'YAML or JSON file, "-" for standard input')
    .action(async (name, file, options) => (await loadGrants()).runSetGrants(terminal, [name, file], options));
  withService(grants.command("add"))
    .description("give roles to a principal or a group, beside what they have")
    .argument("<namespace>", "name of the namespace")
    .argument("<member>", "the issuer's alias and the name there, for instance github:repo:acme/tools")
    .argument("<roles...>", "reader, writer, deleter, auditor or admin")
    .option("--group", "the member is a group", false)
    .option("--prefix <prefix>", 'only paths below this; ends in "/"; repeatable', collect, [])
    .action(async (name, member, roles, options) =>
      (await loadGrants()).runAddGrant(terminal, [name, member, roles], options),
    );
  withService(grants.command("remove"))
    .description("take all grants from a principal or a group")
    .argument("<namespace>", "name of the namespace")
    .argument("<member>", "the issuer's alias and the name there")
    .option("--group", "the member is a group", false)
    .action(async (name, member, options) => (await loadGrants()).runRemoveGrants(terminal, [name, member], options));
}

function withLimits(command: Command, { parseCount }: Common): Command {
  const parseQuota = (text: string) => (text === "none" ? text : parseCount(text));
  return command
    .option("--allow-region <region>", "region in which files may be; repeatable", collect)
    .option("--file-size-max <bytes>", "largest file", parseCount)
    .option("--retention <time>", "how long deleted files can be restored: 30d", parseLifetime)
    .option("--retain <time>", "how long new files are kept from being deleted: 0s, 90d", parseLifetime)
    .option("--download-url-max <time>", "longest life of a presigned URL for a file: 15m", parseLifetime)
    .option("--part-url-max <time>", "longest life of a presigned URL for a part: 1h", parseLifetime)
    .option("--link-max <time>", "longest life of a link: 7d", parseLifetime)
    .addOption(
      new Option("--audit <policy>", "whether answers wait for the journal").choices(["best-effort", "required"]),
    )
    .option("--quota-requests <count>", "requests a second and replica; none for no quota", parseQuota)
    .option("--quota-day <bytes>", "bytes uploaded a day (UTC); none for no quota", parseQuota)
    .option("--quota-storage <bytes>", "bytes kept; none for no quota", parseQuota)
    .option("--principal-quota-requests <count>", "the same for each principal", parseQuota)
    .option("--principal-quota-day <bytes>", "the same for each principal", parseQuota)
    .option("--principal-quota-storage <bytes>", "the same for each principal", parseQuota);
}

function withEtag(command: Command): Command {
  return command.option("--etag <etag>", "only if the namespace still has this etag");
}

function collect(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}
