import type { Readable } from "node:stream";
import { objectName, siteStack } from "../../modules/names/index.ts";
import { median } from "./measure.ts";
import type { Rig } from "./rig.ts";

/** When, in ms after a moment, each step on the way of a new site was seen by Docker. */
export type Steps = Record<Step, number | undefined>;

const STEPS = [
  "its service is made",
  "its container starts",
  "the container of the routes is made",
  "that one starts",
] as const;
type Step = (typeof STEPS)[number];

interface Event {
  Type: string;
  Action: string;
  Actor: { Attributes: Record<string, string> };
  timeNano: number;
}

/** Listens to Docker while a site is made; what is returned ends that and says when each step was first seen. */
export async function watchSteps(rig: Rig, site: string): Promise<() => Steps> {
  const began = Date.now();
  const web = objectName(rig.name, siteStack(site), "web");
  const routes = objectName(rig.name, "edge", "config");
  const wanted: Record<Step, (event: Event) => boolean> = {
    "its service is made": ({ Type, Action, Actor }) =>
      Type === "service" && Action === "create" && Actor.Attributes.name === web,
    "its container starts": container("start", web),
    "the container of the routes is made": container("create", routes),
    "that one starts": container("start", routes),
  };
  const seen: Partial<Steps> = {};
  const stream = (await rig.docker.getEvents({})) as Readable;
  let rest = "";
  stream.on("data", (piece: Buffer) => {
    const lines = `${rest}${piece}`.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = JSON.parse(line) as Event;
      for (const step of STEPS) if (wanted[step](event)) seen[step] ??= event.timeNano / 1e6 - began;
    }
  });
  return () => {
    stream.destroy();
    return Object.fromEntries(STEPS.map((step) => [step, seen[step]])) as Steps;
  };
}

function container(action: string, service: string): (event: Event) => boolean {
  return ({ Type, Action, Actor }) =>
    Type === "container" && Action === action && Actor.Attributes["com.docker.swarm.service.name"] === service;
}

/** `its service is made after 1200 ms, ...`: the medians of several rounds. */
export function describeSteps(rounds: Steps[]): string {
  return STEPS.map((step) => {
    const times = rounds.flatMap((steps) => steps[step] ?? []);
    return times.length === 0 ? `${step}: not seen` : `${step} after ${Math.round(median(times))} ms`;
  }).join(", ");
}
