import type { File } from "../domain/files/file.ts";
import { parseFilePath } from "../domain/files/file-path.ts";
import type { FileRepository } from "../domain/files/file-repository.ts";
import { parseGeneration } from "../domain/files/generation.ts";
import { type Namespaces, requireNamespace } from "../domain/namespaces/namespace.ts";
import type { QueryOptions } from "./query-options.ts";

/** Which file: the live one at the path, or exactly that generation. */
export interface GetFileRequest {
  namespace: string;
  path: string;
  generation?: number;
}

/**
 * The file at a path. A generation, when given, is found even if it was deleted or superseded. Errors:
 * `not_found / FILE_NOT_FOUND` or `NAMESPACE_NOT_FOUND`, `invalid_argument / PATH_INVALID` or `ARGUMENT_INVALID`.
 */
export async function getFile(
  deps: { files: Pick<FileRepository, "get">; namespaces: Namespaces },
  request: GetFileRequest,
  { position }: QueryOptions,
): Promise<File> {
  const namespace = requireNamespace(deps.namespaces, request.namespace);
  const path = parseFilePath(request.path);
  const { generation } = request;
  if (generation === undefined) return await deps.files.get(namespace.name, path, { position });
  return await deps.files.get(namespace.name, path, { generation: parseGeneration(generation), position });
}
