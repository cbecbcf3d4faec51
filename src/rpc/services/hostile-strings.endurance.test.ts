import { HOSTILE, hostileStrings } from "../../testing/rigs/service/hostile-strings.ts";

hostileStrings(HOSTILE.length);
