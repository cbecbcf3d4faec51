import { fileOfAllParts } from "../testing/rigs/uploads/file-of-all-parts.ts";

fileOfAllParts(10_000);
