/** The environment of the tests without settings of the service and paths of tools, which a service that is started would take for its own. */
export const PLAIN_ENVIRONMENT: Readonly<Record<string, string | undefined>> = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("SLUICE_")),
);
