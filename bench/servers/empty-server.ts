// connect-node with its defaults and a unary method that does nothing: the cost of a call itself.
import { createServer } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { emptyMethod } from "./empty-service.ts";
import { announceServer } from "./server-process.ts";

const adapter = connectNodeAdapter({ routes: (router) => router.rpc(emptyMethod, () => create(EmptySchema)) });
announceServer(createServer(adapter), "http");
