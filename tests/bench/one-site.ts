import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildImage, call } from "../../modules/docker/index.ts";
import { loadWorkspace } from "../../modules/workspace/index.ts";
import { makePlan } from "../../stacks/plan.ts";
import { median, repeat, timed } from "./measure.ts";
import type { Result } from "./report.ts";
import type { Rig } from "./rig.ts";
import { page, siteYaml, writeSites } from "./sites.ts";
import { describeSteps, watchSteps } from "./steps.ts";

interface Deployed {
  /** ms from the file's being saved to the first right answer over TLS. */
  answers: number;
  /** ms until the command had ended. */
  ended: number;
}

/** One more site among the others: its file is saved, `terrace up`, it answers over TLS. */
export async function measureAdd(rig: Rig, rounds: number): Promise<Result[]> {
  await rig.learnRoot();
  const bare = await repeat(rounds, (round) => bareAdd(rig, `b${round}`));
  const added = await repeat(rounds, async (round) => {
    const site = `new${round}`;
    await writeSites(rig.workspace.folder, [site]);
    const steps = await watchSteps(rig, site);
    const times = await upUntil(rig, site, "first edition", () =>
      save(rig, `site-configs/${site}.yaml`, siteYaml(site)),
    );
    return { ...times, steps: steps() };
  });
  const value = median(added.map(({ answers }) => answers));
  const way = describeSteps(added.map(({ steps }) => steps));
  const note = `median of ${rounds}; ${way}; the command ends after ${Math.round(median(added.map(({ ended }) => ended)))} ms`;
  return [
    {
      what: `one new site beside ${rig.count}: saved -> HTTPS 200`,
      value,
      unit: "ms",
      budget: { limit: 5000, text: "<= 5 s" },
      peer: { name: "bare build + create", value: median(bare) },
      note,
    },
  ];
}

/** A page of a site changes: saved, `terrace up`, the new page is seen. */
export async function measureChange(rig: Rig, rounds: number): Promise<Result[]> {
  await rig.learnRoot();
  const changed = await repeat(rounds, (round) => {
    const edition = `edition of round ${round}`;
    return upUntil(rig, "s00001", edition, () => save(rig, "site-content/s00001/index.html", page("s00001", edition)));
  });
  return [
    {
      what: `one changed page beside ${rig.count}: saved -> seen`,
      value: median(changed.map(({ answers }) => answers)),
      unit: "ms",
      note: `median of ${rounds}; old tasks gone and the command ended after ${Math.round(median(changed.map(({ ended }) => ended)))} ms`,
    },
  ];
}

function save(rig: Rig, path: string, text: string): Promise<void> {
  return writeFile(join(rig.workspace.folder, path), text);
}

async function upUntil(rig: Rig, site: string, text: string, change: () => Promise<void>): Promise<Deployed> {
  const { visitor } = rig.workspace;
  const started = performance.now();
  await change();
  const up = rig.up().then(() => performance.now() - started);
  const state = { done: false };
  const answers = (async () => {
    while (!state.done) {
      const answer = await visitor.get(site).catch(() => undefined);
      if (answer?.status === 200 && answer.body.includes(text)) return performance.now() - started;
      await sleep(40);
    }
    throw new Error(`${site} does not answer with "${text}" although terrace up has ended`);
  })();
  try {
    const ended = await up;
    // The last question may still be under way.
    const late = sleep(2000).then(() => {
      state.done = true;
    });
    return { answers: await Promise.race([answers, late.then(() => answers)]), ended };
  } finally {
    state.done = true;
  }
}

/** The least that Docker needs for it: the image is built, the service created, its task runs. No route, no certificate, no check. */
async function bareAdd(rig: Rig, site: string): Promise<number> {
  const { folder } = rig.workspace;
  await writeSites(folder, [site]);
  const { platform, sites, asOf } = await loadWorkspace({ root: folder });
  if (platform === undefined) throw new Error("the bench's own platform.yaml is wrong");
  const plan = await makePlan({ docker: rig.docker, root: folder, platform, sites, date: asOf, only: [site] });
  await rig.workspace.remove(`site-configs/${site}.yaml`);
  const { image, changes } = plan.sites.find((each) => each.site.name === site) ?? {};
  const spec = changes?.find(({ kind }) => kind === "service")?.desired?.spec;
  if (image?.build === undefined || spec === undefined) throw new Error("nothing to build");
  const { build, reference } = image;
  const Name = `${rig.name}-bare_${site}`;
  const { wall } = await timed(async () => {
    await buildImage(rig.docker, reference, build);
    await call(rig.docker, "POST", "/services/create", {}, { ...spec, Name, Labels: {} });
    await rig.running(Name, 1);
  });
  await rig.docker.getService(Name).remove();
  return wall;
}
