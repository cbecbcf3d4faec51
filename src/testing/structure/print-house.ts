import { measureHouse } from "./measure-house.ts";
import { readSourceFiles } from "./source-file.ts";

const { lines, hallFiles, fullest } = measureHouse(
  readSourceFiles(new URL("../../../", import.meta.url), ["src", "bench"]),
);
for (const [kind, count] of Object.entries(lines)) console.log(`${kind.padEnd(8)} ${String(count).padStart(6)} lines`);
console.log(`the hall of src has ${hallFiles} file${hallFiles === 1 ? "" : "s"}`);
console.log(`the fullest folder is ${fullest.folder}, with ${fullest.files} files beside their tests`);
