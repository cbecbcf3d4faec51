import type { AwsService } from "../services/aws-service.ts";
import { SERVICES } from "../services/services.ts";
import { listServiceOptions } from "../settings/service-options.ts";

/** The options of every service as the table of docs/aws.md: a line an option. Ends in a line break. */
export function printOptionTable(): string {
  const rows = SERVICES.flatMap((service) =>
    listServiceOptions(service).map(({ name, type, standard, example, description }) => [
      `\`${service.name}.${name}\``,
      type,
      standard === undefined ? "" : `\`${standard}\``,
      `\`${example}\``,
      description,
    ]),
  );
  const lines = [["option", "is", "default", "example", "what it does"], Array(5).fill("---"), ...rows];
  return `${lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n")}\n`;
}

/** What one service gets, and its options: `sluice config explain SERVICE`. Ends in a line break. */
export function printServiceOptions(service: AwsService): string {
  const { name, title, gets, road, source } = service;
  const options = listServiceOptions(service);
  const lines = options.flatMap(({ name: option, type, standard, example, description }) => [
    `${option}: ${type}`,
    `  ${description}`,
    `  ${standard === undefined ? "No default." : `Default: ${standard}.`} Example: ${option}: ${example}`,
  ]);
  return [
    `${title} (${name})`,
    `Gets:  ${gets}.`,
    `By:    ${road.join(", ")}`,
    `See:   ${source}`,
    "",
    options.length === 0
      ? `It has no options: say "${name}: true" below services.`
      : `Options, below services: ${name}:`,
    ...lines,
    "",
  ].join("\n");
}
