import { readFileSync } from "node:fs";
import { getContainerRuntimeClient } from "testcontainers";

type Docker = Awaited<ReturnType<typeof getContainerRuntimeClient>>["container"]["dockerode"];
/** A container of the image, as Docker's API has it. */
export type ImageContainer = Awaited<ReturnType<Docker["createContainer"]>>;

/** The image that `.ci/run` has built from deploy/docker, and the engine that runs it. */
export interface TestImage {
  /** Starts it on this machine's network, without capabilities and with a root that nobody can write to. */
  run(settings: Readonly<Record<string, string>>, command?: readonly string[]): Promise<ImageContainer>;
  /** Size of what it has beside its base, before compression. */
  ownBytes(): Promise<number>;
  /** Removes every container that was started, running or not. */
  close(): Promise<void>;
}

const DOCKERFILE = readFileSync(new URL("../../../../deploy/docker/Dockerfile", import.meta.url), "utf8");
/** The version of Node that the image is built on, such as `26.10`. */
export const IMAGE_NODE: string = /^ARG NODE_IMAGE=node:(\d+\.\d+)-slim$/m.exec(DOCKERFILE)?.[1] ?? "none";
/** `.ci/build-image` makes one of this name where no registry is reachable. */
const BASE_IMAGE = `docker.io/library/node:${IMAGE_NODE}-slim`;

/** Resolves to a sentence that says what is missing where no image was built. */
export async function openTestImage(): Promise<TestImage | string> {
  const image = process.env.SLUICE_TEST_IMAGE ?? "";
  if (image === "") return "SLUICE_TEST_IMAGE names no image; .ci/run builds it from deploy/docker/Dockerfile";
  const docker = (await getContainerRuntimeClient()).container.dockerode;
  const containers: ImageContainer[] = [];
  const sizeOf = async (name: string) => (await docker.getImage(name).inspect()).Size;
  return {
    ownBytes: async () => (await sizeOf(image)) - (await sizeOf(BASE_IMAGE)),
    run: async (settings, command) => {
      const container = await docker.createContainer({
        Image: image,
        Labels: { "org.testcontainers": "true" },
        ...(command !== undefined && { Cmd: [...command] }),
        Env: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
        HostConfig: {
          NetworkMode: "host",
          ReadonlyRootfs: true,
          CapDrop: ["ALL"],
          SecurityOpt: ["no-new-privileges:true"],
        },
      });
      containers.push(container);
      await container.start();
      return container;
    },
    close: async () => {
      for (const container of containers) await container.remove({ force: true });
    },
  };
}

/** What the container has printed. */
export async function wordsOf(container: ImageContainer): Promise<string> {
  return (await container.logs({ stdout: true, stderr: true })).toString();
}
