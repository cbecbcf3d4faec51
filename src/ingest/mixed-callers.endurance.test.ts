import { describeMixedCallers } from "../testing/rigs/uploads/mixed-callers-suite.ts";

describeMixedCallers("200 callers on shared connections", { callers: 200, uploads: 10, buffers: 500, seed: 2 });
