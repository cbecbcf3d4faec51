import { type Command, Option } from "commander";
import type { Terminal } from "../terminal/terminal.ts";

/** Options of every `sluice config` command: where the settings come from. */
export interface SettingsOptions {
  config?: string;
  bucket?: string;
  region?: string;
  account?: string;
  residency?: string[];
  services?: string[];
  all: boolean;
  minimal: boolean;
}

/** Options of `config generate`. */
export interface GenerateOptions extends SettingsOptions {
  format: "cloudformation" | "terraform-json" | "plain-policies";
  import?: "bucket" | "policy" | "retained";
  resourcesToImport: boolean;
  output?: string;
  force: boolean;
}

/** Options of `config import`. */
export interface ImportOptions extends SettingsOptions {
  from?: string;
  endpoint?: string;
  output?: string;
  force: boolean;
}

/** Options of `config explain`. */
export interface ExplainOptions extends SettingsOptions {
  scenarios: boolean;
  json: boolean;
}

/** Options of `config verify`. */
export interface VerifyOptions extends SettingsOptions {
  endpoint?: string;
  iamEndpoint?: string;
  cloudControlEndpoint?: string;
  accessAnalyzerEndpoint?: string;
  json: boolean;
}

/** The actions of the `sluice config` commands. They are loaded when one is called, so that `sluice ls` does not load them. */
export interface ConfigCommands {
  init(terminal: Terminal, options: { output?: string; force: boolean }): Promise<void>;
  generate(terminal: Terminal, options: GenerateOptions): Promise<void>;
  import(terminal: Terminal, options: ImportOptions): Promise<void>;
  /** `service`: the name of one whose options are asked for, whatever the settings. */
  explain(terminal: Terminal, service: string | undefined, options: ExplainOptions): Promise<void>;
  env(terminal: Terminal, options: SettingsOptions): Promise<void>;
  /** Resolves to whether the deployed configuration equals the generated one. */
  verify(terminal: Terminal, options: VerifyOptions): Promise<boolean>;
}

/** Adds `sluice config`. `onVerified` is told whether all was well. */
export function addConfig(
  program: Command,
  terminal: Terminal,
  { commands, onVerified }: { commands: () => Promise<ConfigCommands>; onVerified: (isWell: boolean) => void },
): void {
  const config = program
    .command("config")
    .description("the AWS configuration that lets AWS's own services use the bucket");
  withOutput(config.command("init"))
    .description("print a sluice.aws.yaml with every setting and its default, to be edited")
    .action(async (options) => (await commands()).init(terminal, options));
  withOutput(withSettings(config.command("generate")))
    .description("print the CloudFormation template, or another format")
    .addOption(
      new Option("--format <format>", "what to print")
        .choices(["cloudformation", "terraform-json", "plain-policies"])
        .default("cloudformation"),
    )
    .addOption(
      new Option(
        "--import [what]",
        "print the small template that imports existing resources into a stack, to be deployed first: the bucket, the bucket and its policy, or everything that a deleted stack left",
      )
        .choices(["bucket", "policy", "retained"])
        .preset("bucket"),
    )
    .option(
      "--resources-to-import",
      "with --import: print the list of resources that a change set takes, as JSON",
      false,
    )
    .action(async (options) => (await commands()).generate(terminal, options));
  addImport(config, terminal, commands);
  withSettings(config.command("explain"))
    .description("say who can do what on which ARN, in words")
    .argument("[service]", "say instead what this AWS service gets, and its options; needs no settings")
    .option("--scenarios", "say instead by which roads somebody gets somewhere, and by which not", false)
    .option("--json", "print JSON", false)
    .action(async (service, options) => (await commands()).explain(terminal, service, options));
  withSettings(config.command("env"))
    .description("print the variables that the service reads for this bucket")
    .action(async (options) => (await commands()).env(terminal, options));
  withSettings(config.command("verify"))
    .description(
      "compare all that is deployed with the configuration and let AWS validate its policies; exits with 1 unless all is well",
    )
    .option(
      "--endpoint <url>",
      "another S3 server than AWS; the command names the features that it lacks and does not check them",
    )
    .option("--iam-endpoint <url>", "another IAM server than AWS; without it, --endpoint leaves roles out")
    .option(
      "--cloud-control-endpoint <url>",
      "another Cloud Control API than AWS's; without it, --endpoint leaves all but buckets and roles out",
    )
    .option(
      "--access-analyzer-endpoint <url>",
      "another IAM Access Analyzer than AWS's; without it, --endpoint leaves the validation of policies out",
    )
    .option("--json", "print JSON lines", false)
    .action(async (options) => onVerified(await (await commands()).verify(terminal, options)));
}

function addImport(config: Command, terminal: Terminal, commands: () => Promise<ConfigCommands>): void {
  withOutput(withSettings(config.command("import")))
    .description(
      "read the policy, lifecycle, CORS and notifications of a bucket that exists, say what the template would replace, and print the settings with what the bucket keeps",
    )
    .option(
      "--from <folder>",
      "read files with the answers of aws s3api instead of the bucket: get-bucket-policy.json, get-bucket-lifecycle-configuration.json, get-bucket-cors.json, get-bucket-notification-configuration.json; one that is not there says that the bucket has none",
    )
    .option("--endpoint <url>", "another S3 server than AWS")
    .action(async (options) => (await commands()).import(terminal, options));
}

function withSettings(command: Command): Command {
  const toList = (text: string) => text.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));
  return command
    .option("--config <file>", "settings file; sluice.aws.yaml by default, if it exists")
    .option("--bucket <name>", "bucket that keeps the files")
    .option("--region <region>", "region of the bucket")
    .option("--account <id>", "AWS account, 12 digits")
    .option("--residency <regions>", "regions that data may be in, with commas between", toList)
    .option("--services <names>", "AWS services to switch on, with commas between", toList)
    .option("--all", "switch on every AWS service", false)
    .option(
      "--minimal",
      "make only the bucket and what the named services need: no log bucket, no audit anchors, none of Sluice's roles",
      false,
    );
}

function withOutput(command: Command): Command {
  return command
    .option("--output <file>", 'write to this file; "-" is standard output, as when left out')
    .option("--force", "overwrite the file", false);
}
