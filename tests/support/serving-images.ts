import type Dockerode from "dockerode";
import { platformImages } from "../../stacks/images.ts";
import { Workspace } from "./workspace.ts";

/**
 * The shared images that static sites need, for an engine that makes none itself because it has no network. Where the engine of the
 * other tests never made them, a platform is brought up that does.
 */
export async function requireServingImages(main: Dockerode): Promise<string[]> {
  const images = await platformImages({});
  const references = [images.base, images.static.reference, images.edge.reference];
  const there = new Set((await main.listImages()).flatMap(({ RepoTags }) => RepoTags ?? []));
  if (references.every((reference) => there.has(reference))) return references;
  const maker = await Workspace.create();
  await maker.pages("www", "makes images");
  const { code, all } = await maker.up();
  await maker.destroy();
  if (code !== 0) throw new Error(`the shared images could not be made:\n${all}`);
  return references;
}
