import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An object that the server says it has. */
export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
}

/** A running one. */
export interface ListingServer {
  readonly url: string;
  /** Pages that were listed. */
  readonly pages: number;
  stop(): Promise<void>;
}

/** When every object was stored: long ago. */
const LAST_MODIFIED = "2020-01-01T00:00:00.000Z";

/**
 * Starts a server that answers as S3 to ListObjectVersions and HeadObject of one bucket without versions, and stores nothing:
 * `objectAt` gives the object of each number below `count` in the order of keys, undefined for none, and `numberOf` the number of the
 * least key that is `key` or behind it. It checks no signature.
 */
export async function startListingServer(objects: {
  count: number;
  objectAt: (number: number) => ListedObject | undefined;
  numberOf: (key: string) => number;
}): Promise<ListingServer> {
  let pages = 0;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://listing");
    if (request.method === "HEAD") {
      const key = decodeURIComponent(url.pathname.split("/").slice(2).join("/"));
      const object = objects.objectAt(objects.numberOf(key));
      if (object?.key !== key) response.writeHead(404).end();
      else response.writeHead(200, { "content-length": object.sizeBytes, etag: '"bench"' }).end();
      return;
    }
    pages++;
    const pageMax = Number(url.searchParams.get("max-keys") ?? 1000);
    const marker = url.searchParams.get("key-marker") ?? "";
    const found: ListedObject[] = [];
    let number = marker === "" ? 0 : objects.numberOf(marker);
    for (; number < objects.count && found.length < pageMax; number++) {
      const object = objects.objectAt(number);
      if (object !== undefined && object.key > marker) found.push(object);
    }
    const versions = found.map(
      ({ key, sizeBytes }) =>
        `<Version><Key>${key}</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><LastModified>${LAST_MODIFIED}</LastModified><ETag>"bench"</ETag><Size>${sizeBytes}</Size></Version>`,
    );
    const isTruncated = number < objects.count;
    const next = isTruncated ? `<NextKeyMarker>${found.at(-1)?.key}</NextKeyMarker>` : "";
    response
      .writeHead(200, { "content-type": "application/xml" })
      .end(
        `<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>${isTruncated}</IsTruncated>${next}${versions.join("")}</ListVersionsResult>`,
      );
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get pages() {
      return pages;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
