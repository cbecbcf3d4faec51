import { ConfigError } from "./config/config.ts";
import { serve } from "./processes/serve.ts";

/* The process entry of the service. */
try {
  await serve(process.env);
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
