import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { TOOLS } from "../tools/find-tool.ts";
import type { ObjectStoreSubject } from "./object-store-subject.ts";
import { type S3JudgeRecipe, startS3Judge } from "./s3-judge.ts";

/** What versitygw 1.8 does not do: https://github.com/versity/versitygw/issues/2149 */
export const VERSITYGW_UNABLE: NonNullable<ObjectStoreSubject["unable"]> = {
  "are listed in pages": "versitygw 1.8 lists versions twice across pages",
  "copies ranges into parts whose object is these bytes":
    "versitygw 1.8 states the CRC32 of the whole object for a part that is copied from a range of it",
  "lists them in pages, and goes on behind one that has ended meanwhile":
    "versitygw 1.8 refuses the upload-id-marker that it answered",
};

const RECIPE: S3JudgeRecipe = {
  tool: TOOLS.versitygw,
  args: async ({ port, directory }) => {
    const [meta, data, versions] = [join(directory, "meta"), join(directory, "data"), join(directory, "versions")];
    for (const folder of [meta, data, versions]) await mkdir(folder);
    return [
      ...["--keep-alive", "--quiet", "--region", "eu-central-1", "--port", `127.0.0.1:${port}`],
      ...["posix", "--sidecar", meta, "--versioning-dir", versions, data],
    ];
  },
  env: ({ accessKeyId, secretAccessKey }) => ({ ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey }),
};

/** Starts versitygw, as `startS3Judge` does. */
export const startVersitygw = () => startS3Judge(RECIPE);
