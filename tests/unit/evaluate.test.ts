import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { Secret } from "../../modules/core/secret.ts";
import { evaluate, type Program, toDesired } from "../../modules/engine/index.ts";

const where = { project: "terrace", stack: "honghe-site-shop" };
const owner = { platform: "honghe", stack: "site-shop" };
const desired = async (program: Program) => toDesired(await evaluate(program, where), owner);

const service = (more: object = {}, container: object = {}): docker.ServiceArgs => ({
  name: "honghe-site-shop_web",
  taskSpec: { containerSpec: { image: "shop:1", ...container } },
  mode: { replicated: { replicas: 1 } },
  endpointSpec: { mode: "dnsrr" },
  ...more,
});

class Shop extends pulumi.ComponentResource {
  constructor(name: string) {
    super("terrace:index:Site", name, {});
    const data = pulumi.secret("c3dvcmRmaXNo");
    const token = new docker.Secret("token", { name: "honghe-site-shop_TOKEN-1", data }, { parent: this });
    const mounted = { secretId: token.id, secretName: token.name, fileName: "TOKEN" };
    new docker.Service("web", service({}, { secrets: [mounted] }), { parent: this });
  }
}

test("a program's resources come with URN, inputs and dependencies, in the order of registration", async () => {
  const resources = await evaluate(() => void new Shop("shop"), where);
  const urn = (type: string, name: string) =>
    `urn:pulumi:honghe-site-shop::terrace::terrace:index:Site$${type}::${name}`;
  expect(resources.map((each) => each.urn)).toEqual([
    urn("docker:index/secret:Secret", "token"),
    urn("docker:index/service:Service", "web"),
  ]);
  expect(resources[0]?.inputs).toMatchObject({ name: "honghe-site-shop_TOKEN-1" });
  expect(resources[1]?.dependsOn).toContain(resources[0]?.urn);
});

test("a secret stays wrapped, and its specification does not hold it", async () => {
  const [resource] = await evaluate(() => void new Shop("shop"), where);
  expect(resource?.inputs.data).toBeInstanceOf(Secret);
  const all = await desired(() => void new Shop("shop"));
  expect(JSON.stringify(all)).not.toContain("c3dvcmRmaXNo");
  expect(all[0]?.payload?.reveal()).toBe("c3dvcmRmaXNo");
});

test("every object carries the labels by which it is found again", async () => {
  for (const { spec, hash } of await desired(() => void new Shop("shop"))) {
    expect(spec.Labels).toMatchObject({
      "terrace.platform": "honghe",
      "terrace.stack": "site-shop",
      "terrace.hash": hash,
      "com.docker.stack.namespace": "honghe-site-shop",
    });
  }
});

test("the same program gives the same hashes; another input another one", async () => {
  const hashOf = async (image: string) =>
    (await desired(() => void new docker.Service("web", service({}, { image }))))[0]?.hash;
  expect(await hashOf("shop:1")).toBe(await hashOf("shop:1"));
  expect(await hashOf("shop:1")).not.toBe(await hashOf("shop:2"));
});

test("programs that run at the same time do not meet", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `shop-${index}`);
  const all = await Promise.all(
    names.map((name) =>
      evaluate(
        async () => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          new docker.ServiceConfig("config", { name, data: "eA==" });
        },
        { project: "terrace", stack: name },
      ),
    ),
  );
  expect(all.map((resources) => resources.map(({ inputs }) => inputs.name))).toEqual(names.map((name) => [name]));
});

test.each([
  [
    "a type",
    () => void new docker.Container("box", { image: "shop:1" }),
    'docker:index/container:Container "box": the embedded engine does not support this type',
  ],
  [
    "an option",
    () => void new docker.Service("web", service({}, { isolation: "default", hosts: [] })),
    'docker:index/service:Service "web": the embedded engine does not support taskSpec.containerSpec.',
  ],
  [
    "a function",
    async () => void (await docker.getNetwork({ name: "n" })),
    "the embedded engine does not support the function docker:index/getNetwork:getNetwork",
  ],
  [
    "an import",
    () => void docker.Network.get("net", "id"),
    "the embedded engine does not support reading docker:index/network:Network",
  ],
] as [string, Program, string][])(
  "%s that the engine does not carry out is refused by name",
  async (_what, program, message) => {
    await expect(desired(program)).rejects.toThrow(message);
  },
);

test("a program's own error is the evaluation's", async () => {
  await expect(evaluate(() => Promise.reject(new Error("no pages")), where)).rejects.toThrow("no pages");
});

test("a service that holds a host port and would start new tasks beside old ones is refused", async () => {
  const ports = [{ publishMode: "host", publishedPort: 8080, targetPort: 80 }];
  const order = (each: string) => ({ failureAction: "rollback", order: each });
  const program = (update: string, rollback: string) => () =>
    void new docker.Service(
      "web",
      service({
        endpointSpec: { mode: "dnsrr", ports },
        updateConfig: order(update),
        rollbackConfig: order(rollback),
      }),
    );
  await expect(desired(program("start-first", "stop-first"))).rejects.toMatchObject({
    code: "TERRACE_HOST_PORT_ORDER",
    message: "honghe-site-shop_web holds a port of its node, and its updateConfig is start-first",
    where: "port 8080/tcp, mode host",
    why: "two tasks can't hold one port of a node, so the new one would wait for ever",
    next: "publish no port (the edge reaches services by name), or take the order stop-first",
  });
  await expect(desired(program("stop-first", "start-first"))).rejects.toThrow("its rollbackConfig is start-first");
  expect(await desired(program("stop-first", "stop-first"))).toHaveLength(1);
});
