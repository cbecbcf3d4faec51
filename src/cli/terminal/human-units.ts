const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in a form for people, with three figures: "0 B", "999 B", "1.5 KiB", "12.3 MiB", "5 GiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0, so it belongs to the next unit.
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const shown = value.toFixed(unit === 0 || value >= 100 ? 0 : 1).replace(/\.0$/, "");
  return `${shown} ${UNITS[unit]}`;
}

/** Bytes a second: "312 MiB/s". */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** The speed of a run that continued an earlier one. Bytes of the earlier run do not count. */
export function formatRun(
  { sizeBytes, resumedBytes = 0 }: { sizeBytes: number; resumedBytes?: number | undefined },
  elapsedMs: number,
): string {
  const rate = formatRate(Math.max(0, sizeBytes - resumedBytes) / Math.max(0.001, elapsedMs / 1000));
  return resumedBytes === 0 ? rate : `${rate} after ${formatBytes(resumedBytes)} that were there before`;
}

/** Milliseconds as a clock that gets longer when needed: "0:07", "12:34", "1:02:03". */
export function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, minutes, rest] = parts.map((part) => String(part)) as [string, string, string];
  const tail = rest.padStart(2, "0");
  return hours === "0" ? `${minutes}:${tail}` : `${hours}:${minutes.padStart(2, "0")}:${tail}`;
}

/** A time as local date and minute: "2026-11-24 09:05". */
export function formatTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}
