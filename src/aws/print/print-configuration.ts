import type { Configuration } from "../generate-configuration.ts";
import { printCloudFormation } from "./print-cloudformation.ts";
import { printPolicies } from "./print-policies.ts";
import { printTerraform } from "./print-terraform.ts";

/** Formats that a configuration is printed in. */
export const FORMATS = ["cloudformation", "terraform-json", "plain-policies"] as const;

/** One of FORMATS. */
export type Format = (typeof FORMATS)[number];

/** The configuration as text of that format. The same configuration gives the same bytes. */
export function printConfiguration(configuration: Configuration, format: Format): string {
  switch (format) {
    case "cloudformation":
      return printCloudFormation(configuration.template, toHeader(configuration));
    case "terraform-json":
      return printTerraform(configuration);
    case "plain-policies":
      return printPolicies(configuration);
  }
}

function toHeader({ site, settings, connections }: Configuration): string[] {
  const names = connections.map(({ service }) => service.name);
  if (settings.minimal) return wrapNames(names.length === 0 ? ["none"] : names);
  return [
    "Made by `sluice config generate`: change sluice.aws.yaml and generate again instead of editing this file.",
    `Bucket ${site.bucket}, region ${site.region}, account ${site.account}.`,
    ...wrapNames(names.length === 0 ? ["none"] : names),
    "`sluice config explain` says who can do what; `sluice config verify` compares it with the deployed resources.",
  ];
}

/** The services in lines of a readable length. */
function wrapNames(names: readonly string[]): string[] {
  const lines = ["AWS services connected:"];
  for (const [index, name] of names.entries()) {
    const word = index === names.length - 1 ? `${name}.` : `${name},`;
    const last = lines.at(-1) as string;
    if (last.length + word.length > 108) lines.push(`  ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
