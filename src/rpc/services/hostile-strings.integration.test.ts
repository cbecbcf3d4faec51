import { hostileStrings } from "../../testing/rigs/service/hostile-strings.ts";

// The second tier has all texts in all strings.
hostileStrings(1);
