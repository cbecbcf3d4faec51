import { type Agent, request } from "node:http";
import { serviceToken } from "./sluice-service.ts";

/** The bytes of each file: 1 KiB. */
const FILE = Buffer.alloc(1024, 7);

/**
 * Uploads files of 1 KiB to a service by PUT, as many at once as the agent has sockets, under `folder` and their numbers from 0. Rejects with
 * the first that is not created.
 */
export async function putFiles(url: string, { folder, files, agent }: { folder: string; files: number; agent: Agent }) {
  let nth = 0;
  const call = async () => {
    while (nth < files) await put(`${url}/v1/namespaces/default/files/${folder}/${nth++}`, agent);
  };
  await Promise.all(Array.from({ length: agent.maxSockets }, call));
}

function put(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${serviceToken}`, "content-length": FILE.length };
    const sent = request(url, { method: "PUT", agent, headers }, (response) => {
      response.resume().once("end", () => {
        if (response.statusCode === 201) resolve();
        else reject(new Error(`an upload was answered by ${response.statusCode}`));
      });
    });
    sent.once("error", reject).end(FILE);
  });
}
