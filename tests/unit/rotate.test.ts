import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Secret } from "../../modules/core/secret.ts";
import { call, changeObject, connect, get, type RawService } from "../../modules/docker/index.ts";
import { rotate } from "../../scripts/secret/rotate.ts";
import { siteSecretName } from "../../stacks/site/secret-name.ts";
import { SimulatedWorkspace } from "../support/simulated.ts";

const WEB = "honghe-site-mailbox_web";
const deployed = vi.hoisted(() => ({ by: async (): Promise<0 | 1> => 0 }));
vi.mock("../../scripts/apply.ts", () => ({ deploy: () => deployed.by() }));

let simulated: SimulatedWorkspace;
let said: string;

beforeEach(async () => {
  simulated = await SimulatedWorkspace.create(1);
  vi.spyOn(process, "cwd").mockReturnValue(simulated.root);
  said = "";
  const hear = (text: string | Uint8Array) => {
    said += String(text);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(hear);
  vi.spyOn(process.stderr, "write").mockImplementation(hear);
  const yaml = `title: Mailbox
kind: service
domains: [mailbox]
serve: { image: { image: "mailbox:1", secrets: [TOKEN] } }
`;
  await writeFile(join(simulated.root, "site-configs/mailbox.yaml"), yaml);
  await mkdir(join(simulated.root, "secrets/mailbox"), { recursive: true });
  await writeFile(file(), "old");
});

afterEach(async () => {
  vi.restoreAllMocks();
  await simulated.close();
});

const file = () => join(simulated.root, "secrets/mailbox/TOKEN");
const run = (options = { yes: true }) => rotate.run?.({ arguments: ["mailbox", "TOKEN"], options });

/** What a deploy does that comes as far as the service: it names the secret with the value that the file has. */
async function rollOver(): Promise<void> {
  const value = new Secret(await readFile(file(), "utf8"));
  const secret = siteSecretName("honghe", "mailbox", "TOKEN", value);
  const Labels = { "terrace.platform": "honghe", "terrace.stack": "site-mailbox" };
  const docker = await connect();
  const Data = Buffer.from(value.reveal()).toString("base64");
  const { ID } = await call<{ ID: string }>(docker, "POST", "/secrets/create", {}, { Name: secret, Labels, Data });
  const spec = {
    Name: WEB,
    Labels,
    TaskTemplate: { ContainerSpec: { Image: "mailbox:1", Secrets: [{ SecretID: ID, SecretName: secret }] } },
  };
  const there = (await get<RawService[]>(docker, "/services")).find(({ Spec }) => Spec.Name === WEB);
  if (there === undefined) await call(docker, "POST", "/services/create", {}, spec);
  else await changeObject<RawService>(docker, `/services/${there.ID}`, () => spec);
}

test("the value before is put back where the site never came to the new one", async () => {
  deployed.by = async () => 1;
  expect(await run()).toBe(1);
  expect(await readFile(file(), "utf8")).toBe("old");
  expect(said).toContain("secrets/mailbox/TOKEN: the value before is back.");
});

test("the new value stays where the site runs with it, though what came after failed", async () => {
  await rollOver();
  deployed.by = async () => {
    await rollOver();
    throw new Error("stopped before the end");
  };
  await expect(run()).rejects.toThrow("stopped before the end");
  expect(await readFile(file(), "utf8")).not.toBe("old");
  expect(said).toContain(
    "secrets/mailbox/TOKEN keeps the new value: mailbox runs with it. `terrace up mailbox` goes on with it.",
  );
});

test("the new value stays where the cluster does not tell", async () => {
  deployed.by = async () => {
    process.env.DOCKER_HOST = "tcp://127.0.0.1:9";
    return 1;
  };
  expect(await run()).toBe(1);
  expect(await readFile(file(), "utf8")).not.toBe("old");
  expect(said).toContain("whether mailbox runs with it could not be found out");
});

test("what else is to be done is shown before the question, and nothing is written before the answer", async () => {
  deployed.by = async () => 0;
  await expect(run({ yes: false })).rejects.toMatchObject({ code: "TERRACE_NEEDS_YES" });
  expect(said).toMatch(/this is carried out, too:.*create service honghe-site-mailbox_web.*This gives TOKEN/s);
  expect(await readFile(file(), "utf8")).toBe("old");
});
