import { createCipheriv, createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** Written, and hashed, at once, in bytes. */
const BLOCK_BYTES = 4 * 2 ** 20;

/**
 * Writes a file of pseudo-random bytes and returns their SHA-256 in hex. The bytes are AES-CTR's key stream under a key made of
 * `seed`: the same for the same seed, incompressible, and made at gigabytes a second.
 */
export async function writeDemoFile(
  path: string,
  { sizeBytes, seed, signal }: { sizeBytes: number; seed: string; signal: AbortSignal },
): Promise<string> {
  const key = createHash("sha256").update(seed).digest();
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  const zeros = Buffer.alloc(BLOCK_BYTES);
  const hash = createHash("sha256");
  const handle = await open(path, "wx");
  try {
    for (let at = 0; at < sizeBytes; at += BLOCK_BYTES) {
      signal.throwIfAborted();
      const block = cipher.update(zeros.subarray(0, Math.min(BLOCK_BYTES, sizeBytes - at)));
      hash.update(block);
      await handle.writeFile(block);
    }
  } finally {
    await handle.close();
  }
  return hash.digest("hex");
}
