import type { File } from "../../domain/files/file.ts";
import { FLAG_FIELDS, NUMBER_FIELDS, TEXT_FIELDS, TIME_FIELDS } from "../../domain/filter/file-filter.ts";
import { createSeededRandom } from "./seeded-random.ts";

const DEPTH_MAX = 3;

/** Filters of all kinds, some of which match some of the files; the same for the same seed. */
export function createRandomFilters(seed: number, files: readonly File[]): { next(): string } {
  const random = createSeededRandom(seed);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(random() * items.length)];
    if (item === undefined) throw new Error("there is nothing to pick from");
    return item;
  };
  const expression = (depth: number): string => {
    if (depth >= DEPTH_MAX || random() < 0.35) return term({ random, pick, file: pick(files) });
    const joint = pick([" AND ", " OR ", " "]);
    const parts = Array.from({ length: 2 + Math.floor(random() * 2) }, () => `(${expression(depth + 1)})`);
    return `${pick(["", "", "NOT ", "-"])}(${parts.join(joint)})`;
  };
  return { next: () => expression(0) };
}

interface Dice {
  random(): number;
  pick<T>(items: readonly T[]): T;
  file: File;
}

function term(dice: Dice): string {
  const { random, pick, file } = dice;
  const comparison = pick(["=", "=", "!=", "<", "<=", ">", ">="]);
  switch (Math.floor(random() * 9)) {
    case 0: {
      const value = {
        generation: 1,
        size_bytes: file.sizeBytes,
        crc32: file.crc32,
        metageneration: file.metageneration,
      };
      const field = pick(NUMBER_FIELDS);
      return `${field} ${comparison} ${value[field]}`;
    }
    case 1:
      return `${pick(TIME_FIELDS)} ${comparison} ${pick([file.createTime, file.updateTime, file.retainUntilTime ?? file.createTime]).toISOString()}`;
    case 2:
      return `${pick([...TEXT_FIELDS, ...TIME_FIELDS, ...NUMBER_FIELDS, ...FLAG_FIELDS, "labels", "metadata", "labels.team", "metadata.x"])}:*`;
    case 3:
      return `${pick(["labels.team", "labels.env", "metadata.author", 'metadata."Any Key"'])} ${comparison} ${entryValue(dice)}`;
    case 4:
      return `labels:${pick(["team", "env", "other"])}`;
    case 5:
      return pick(["invoice", "größe", "GRÖSSE", "inv*", "2026", "pdf", "o'neil", "日本", "smile", "nothing"]).replace(
        /^.*'.*$/,
        '"$&"',
      );
    case 6:
      return `${pick(FLAG_FIELDS)} ${pick(["=", "!="])} ${pick(["true", "false"])}`;
    default:
      return textTerm(dice, comparison);
  }
}

function textTerm(dice: Dice, comparison: string): string {
  const field = dice.pick(TEXT_FIELDS);
  const text = dice.random() < 0.6 ? dice.file.path : textOf(dice.file, field);
  const [start, end] = [Math.floor(dice.random() * 4), text.length - Math.floor(dice.random() * 4)];
  const part = text.slice(start, Math.max(start, end));
  switch (Math.floor(dice.random() * 4)) {
    case 0:
      return `${field} ${comparison} ${quote(text)}`;
    case 1:
      return `${field}:${quote(part)}`;
    case 2:
      return `${field} = ${quote(text.slice(0, end)).slice(0, -1)}*"`;
    default:
      return `${field} = "*${quote(part).slice(1, -1)}*"`;
  }
}

function entryValue({ pick, file }: Dice): string {
  return quote(pick([file.labels.team ?? "", file.labels.env ?? "", file.metadata.author ?? "", "t1", "prod"]));
}

function textOf(file: File, field: (typeof TEXT_FIELDS)[number]): string {
  const { contentType, bucket, region, namespace, path, fileId, s3Key, s3Etag, s3VersionId, dataSubject } = file;
  const sha256 = Buffer.from(file.sha256 ?? []).toString("hex");
  return {
    content_type: contentType,
    bucket,
    region,
    namespace,
    path,
    file_id: fileId,
    s3_key: s3Key,
    s3_etag: s3Etag,
    s3_version_id: s3VersionId,
    data_subject: dataSubject,
    sha256,
    etag: `${fileId}.${file.metageneration}`,
  }[field];
}

/** Text between quotes; a part of a surrogate pair is left out, because no filter may hold it. */
function quote(text: string): string {
  return `"${text.replace(/\p{Surrogate}/gu, "").replace(/[\\"*]/g, "\\$&")}"`;
}
