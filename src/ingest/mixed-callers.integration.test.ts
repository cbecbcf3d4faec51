import { describeMixedCallers } from "../testing/rigs/uploads/mixed-callers-suite.ts";

describeMixedCallers("a few callers on shared connections", { callers: 30, uploads: 1, buffers: 200, seed: 1 });
