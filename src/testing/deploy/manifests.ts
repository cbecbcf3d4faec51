import { parseAllDocuments } from "yaml";

/** An object of Kubernetes, as a chart renders it. */
export interface Manifest {
  kind: string;
  metadata: { name: string; labels: Readonly<Record<string, string>> };
  /** Of a ConfigMap. */
  data: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a specification of its own shape
  spec: any;
}

/** The objects of a text with several documents of YAML. */
export function readManifests(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** The first object of a kind; throws when there is none. */
export function findManifest(text: string, kind: string): Manifest {
  const found = readManifests(text).find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`nothing of the kind ${kind} is rendered`);
  return found;
}
