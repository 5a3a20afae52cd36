import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import type { RequestOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type EdgeModel, renderEdge, type SiteRoutes } from "../../modules/edge/index.ts";
import { EdgeRig } from "./edge-rig.ts";

let rig: EdgeRig;
let oldServer: http.Server;
let model: EdgeModel;

beforeAll(async () => {
  rig = await EdgeRig.create();
  oldServer = http.createServer(answerLikeAnOldServer).listen(0, rig.gateway);
  await new Promise((resolve) => oldServer.once("listening", resolve));
  model = {
    platform: "test",
    domain: "test.localhost",
    ports: { http: 80, https: 443 },
    tls: { issuer: "internal" },
    sites: sites(),
  };
  const page = `<!doctype html><title>Finance</title>${"<p>Budget</p>".repeat(100)}`;
  await rig.startStatic("one", { "index.html": page, "404.html": "our own 404" }, [rig.upstream]);
  await rig.startStatic("two", { "index.html": page, "404.html": "our own 404" }, [rig.upstream]);
  await rig.startStatic("config", {});
  await rig.startEdge();
  await rig.deploy(model);
});

afterAll(async () => {
  oldServer?.close();
  await rig?.destroy();
});

const SITE = { title: "A site", aliases: [], redirects: [], headers: {} };

function sites(): SiteRoutes[] {
  return [
    {
      ...SITE,
      site: "dead",
      host: "dead.test.localhost",
      upstream: { kind: "service", name: `${rig.id}_nobody`, port: 8080 },
    },
    {
      ...SITE,
      site: "finance",
      host: "finance.test.localhost",
      aliases: ["czj.example.gov.cn", "xn--bww64j2o4a.xn--zfr164b"],
      upstream: { kind: "service", name: rig.upstream, port: 8080 },
      redirects: [
        { from: "/old.html", to: "/new.html", status: 301 },
        { from: "/旧/*", to: "/新/:splat", status: 302 },
        { from: "/out/*", to: "https://other.example/:splat#top", status: 308 },
      ],
    },
    {
      ...SITE,
      site: "gone",
      host: "gone.test.localhost",
      aliases: ["gone.example.gov.cn"],
      upstream: { kind: "retired", to: "https://www.honghe.gov.cn/finance", status: 301 },
    },
    {
      ...SITE,
      site: "old",
      host: "old.test.localhost",
      upstream: { kind: "proxy", url: `http://${rig.gateway}:${(oldServer.address() as AddressInfo).port}` },
      headers: {
        "X-Frame-Options": null,
        "Content-Security-Policy": "default-src 'self'",
        "Strict-Transport-Security": null,
      },
    },
  ];
}

/** Tells what it was asked, and sends `/login` on with its own address, as old servers do. */
function answerLikeAnOldServer(request: http.IncomingMessage, response: http.ServerResponse): void {
  request.resume();
  request.on("end", () => {
    response.setHeader("X-Powered-By", "ASP.NET");
    response.setHeader("X-Frame-Options", "DENY");
    if (request.url === "/login")
      response.writeHead(302, { Location: `http://${request.headers.host}/login/form?x=1` });
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
}

describe("a site", () => {
  test("is answered over TLS with safe headers, and compressed", async () => {
    const answer = await rig.secure("finance.test.localhost", "/", { headers: { "accept-encoding": "gzip" } });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-encoding": "gzip",
      "cache-control": "no-cache",
      "strict-transport-security": "max-age=31536000",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "strict-origin-when-cross-origin",
    });
    expect(answer.headers.server).toBeUndefined();
    const again = await rig.secure("finance.test.localhost", "/", {
      headers: { "if-none-match": String(answer.headers.etag) },
    });
    expect(again.status).toBe(304);
  });

  test("answers with its own 404 page", async () => {
    expect(await rig.secure("finance.test.localhost", "/nothing")).toMatchObject({ status: 404, body: "our own 404" });
  });

  test.each([
    ["/old.html?a=1", 301, "/new.html?a=1"],
    ["/%E6%97%A7/a%20b/c?d", 302, "/%E6%96%B0/a%20b/c?d"],
    ["/out/x?y=1", 308, "https://other.example/x?y=1#top"],
    ["/out//evil.example", 308, "https://other.example/evil.example#top"],
  ])("redirects %s", async (path, status, location) => {
    const answer = await rig.secure("finance.test.localhost", path);
    expect([answer.status, answer.headers.location]).toEqual([status, location]);
  });

  test("sends every other name to the canonical one, with path and query", async () => {
    for (const alias of ["czj.example.gov.cn", "xn--bww64j2o4a.xn--zfr164b"]) {
      const answer = await rig.secure(alias, "/a/b?c=d");
      expect([answer.status, answer.headers.location]).toEqual([301, "https://finance.test.localhost/a/b?c=d"]);
    }
    const post = await rig.secure("czj.example.gov.cn", "/form", { method: "POST" });
    expect(post.status).toBe(308);
  });

  test("sends plain HTTP to HTTPS", async () => {
    const answer = await rig.plain("finance.test.localhost", "/a?b");
    expect([answer.status, answer.headers.location]).toEqual([301, "https://finance.test.localhost/a?b"]);
  });

  test("leads elsewhere on all names once it is retired", async () => {
    for (const host of ["gone.test.localhost", "gone.example.gov.cn"]) {
      const answer = await rig.secure(host, "/some/page?x");
      expect([answer.status, answer.headers.location]).toEqual([301, "https://www.honghe.gov.cn/finance"]);
    }
  });
});

describe("a site on its old server", () => {
  test("is asked for by its own name and told who visits", async () => {
    const answer = await rig.secure("old.test.localhost", "/a?b", {
      headers: { "x-real-ip": "6.6.6.6", "x-forwarded-for": "6.6.6.6" },
    });
    const asked = JSON.parse(answer.body) as { url: string; headers: Record<string, string> };
    expect(asked.url).toBe("/a?b");
    expect(asked.headers).toMatchObject({
      "x-forwarded-host": "old.test.localhost",
      "x-forwarded-proto": "https",
      "x-real-ip": rig.gateway,
    });
    expect(asked.headers.host).toContain(rig.gateway);
    expect(asked.headers["x-forwarded-for"]).toBe(rig.gateway);
  });

  test("has the headers that its file asks for", async () => {
    const { headers } = await rig.secure("old.test.localhost", "/");
    expect(headers["content-security-policy"]).toBe("default-src 'self'");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    for (const absent of ["x-frame-options", "strict-transport-security", "x-powered-by", "server"]) {
      expect(headers[absent], absent).toBeUndefined();
    }
  });

  test("keeps its visitors when it redirects to itself", async () => {
    const answer = await rig.secure("old.test.localhost", "/login");
    expect(answer.headers.location).toBe("https://old.test.localhost/login/form?x=1");
  });

  test("takes less than 100 MB at once", async () => {
    const post = { method: "POST", agent: false } as const;
    expect((await rig.secure("old.test.localhost", "/", post, Buffer.alloc(99_000_000))).status).toBe(200);
    const headers = { "content-length": "100000000", expect: "100-continue" };
    const tooMuch = await rig.secure("old.test.localhost", "/", { ...post, headers });
    expect(tooMuch.status).toBe(413);
    expect(tooMuch.body).toContain("提交的内容过大");
  });
});

describe("who asks for what isn't there", () => {
  test("gets a page that says so", async () => {
    const secure = await rig.secure("finance.test.localhost", "/", { headers: { host: "nobody.example" } });
    expect(secure.status).toBe(421);
    expect(secure.body).toContain("There is no site at this address");
    expect((await rig.secure("typo.test.localhost", "/")).status).toBe(421);
    const plain = await rig.plain("nobody.example", "/");
    expect(plain.status).toBe(404);
    expect(plain.body).toContain("此地址没有网站");
  });

  test("gets no certificate for a foreign name", async () => {
    await expect(rig.secure("nobody.example", "/")).rejects.toThrow(/alert/);
  });

  test("is told to come back when nobody answers for a site, within seconds, and other sites don't wait", async () => {
    const start = Date.now();
    let told = 0;
    const dead = async () => {
      const answer = await rig.secure("dead.test.localhost", "/", { agent: false });
      told += 1;
      return answer;
    };
    const waiting = Array.from({ length: 8 }, dead);
    await sleep(1000);
    expect((await rig.secure("finance.test.localhost", "/")).status).toBe(200);
    expect(told).toBe(0);
    for (const answer of await Promise.all(waiting)) {
      expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "10" } });
      expect(answer.body).toContain("网站暂时无法访问");
    }
    expect(Date.now() - start).toBeLessThan(15_000);
  });
});

test("the access log has the visitor's address and no secrets", async () => {
  const headers = { cookie: "session=hunter2", authorization: "Bearer hunter2", "user-agent": "edge-test" };
  await rig.secure("finance.test.localhost", "/logged", { headers });
  await rig.until(async () => (await rig.logs("edge")).includes("/logged"), "a line of the access log");
  const logs = await rig.logs("edge");
  const line = logs.split("\n").find((each) => each.includes('"/logged"')) ?? "";
  const entry = JSON.parse(line.slice(line.indexOf("{"))) as { request: Record<string, unknown>; status: number };
  expect(entry).toMatchObject({
    status: 404,
    request: { remote_ip: rig.gateway, host: "finance.test.localhost", method: "GET" },
  });
  expect(logs).not.toContain("hunter2");
  expect(logs).not.toContain("edge.terrace.invalid");
});

/** 16 who visit a site all the time, until told to stop: what they got other than its page, and how often they asked. */
function visitors(options: RequestOptions = {}) {
  const failures: string[] = [];
  let done = 0;
  let running = true;
  const visitor = async () => {
    while (running) {
      const answer = await rig
        .secure("finance.test.localhost", "/", options)
        .catch((error: Error) => ({ status: 0, body: error.message }));
      if (answer.status !== 200) failures.push(`${answer.status} ${answer.body.slice(0, 200)}`);
      done++;
    }
  };
  const all = Promise.all(Array.from({ length: 16 }, visitor));
  return async () => {
    running = false;
    await all;
    return { failures, done };
  };
}

test("no request fails while one of two servers stops and starts, and while the configuration changes", async () => {
  const stop = visitors();
  await sleep(500);
  await rig.container("one").stop();
  await rig.deploy({ ...model, sites: model.sites.slice(0, 3) });
  await rig.container("one").start();
  await sleep(500);
  await rig.container("two").stop();
  await rig.deploy({ ...model, platform: "test-again" });
  await rig.container("two").start();
  await sleep(500);
  const { failures, done } = await stop();
  expect(failures).toEqual([]);
  expect(done).toBeGreaterThan(100);
});

test("no new connection fails while one configuration after another is loaded", async () => {
  const stop = visitors({ agent: false });
  for (let round = 0; round < 12; round++) await rig.deploy({ ...model, platform: `test-${round}` });
  const { failures, done } = await stop();
  expect(failures).toEqual([]);
  expect(done).toBeGreaterThan(100);
});

describe("the configuration", () => {
  const refused = async (text: string) =>
    rig.until(async () => (await rig.logs("edge")).includes(text), `a refusal with ${text}`);

  test("stays when a bad one is published", async () => {
    const good = await rig.deploy(model);
    const bytes = gzipSync(JSON.stringify(renderEdge({ ...model, platform: "next" }).caddy));
    await rig.publish(bytes.subarray(0, bytes.length / 2));
    await sleep(1500);
    await rig.publish(Buffer.from("<html>not what you wanted</html>"));
    await sleep(1500);
    const { caddy } = renderEdge({ ...model, platform: "broken" });
    await rig.publish(
      gzipSync(JSON.stringify({ ...caddy, apps: { http: { servers: { x: { listen: ["nonsense:::"] } } } } })),
    );
    await refused("nonsense");
    await rig.publish(gzipSync(JSON.stringify({ apps: {} })));
    await refused("takes the administration away");
    expect(await rig.revision()).toBe(good);
    expect((await rig.secure("finance.test.localhost", "/")).status).toBe(200);
    await rig.deploy({ ...model, platform: "after" });
  });

  test("doesn't flap while two versions are served in turns", async () => {
    const one = await rig.deploy({ ...model, platform: "one" });
    const two = await rig.deploy({ ...model, platform: "two" });
    await rig.publish(gzipSync(JSON.stringify(renderEdge({ ...model, platform: "one" }).caddy)));
    await sleep(3000);
    expect(await rig.revision()).toBe(two);
    await rig.until(async () => (await rig.revision()) === one, "the older one, as it stays");
  });

  test("outlives the server it comes from and a restart of the edge", async () => {
    const revision = await rig.deploy(model);
    await rig.container("config").kill();
    await sleep(1500);
    expect((await rig.secure("finance.test.localhost", "/")).status).toBe(200);
    await rig.container("edge").restart();
    await rig.until(async () => (await rig.revision()) === revision, "the last good one");
    await rig.until(
      async () => (await rig.secure("finance.test.localhost", "/").catch(() => undefined))?.status === 200,
      "a page",
    );
  });
});

test("Caddy takes every configuration of the golden files, and one of 1,000 sites within a minute", async () => {
  await rig.container("config").start();
  const folder = new URL("../golden/edge/", import.meta.url);
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".golden"))) {
    const { sites: given, ...rest } = parse(
      readFileSync(new URL(file, folder), "utf8").split("\n----\n")[0] ?? "",
    ) as EdgeModel;
    await rig.deploy({ ...model, ...rest, platform: file, sites: given.map((site) => ({ ...SITE, ...site })) });
  }
  const upstream = { kind: "service", name: "nobody", port: 8080 } as const;
  const many = Array.from({ length: 1000 }, (_, index) => ({
    ...SITE,
    site: `s${index}`,
    host: `s${index}.test.localhost`,
    upstream,
  }));
  const { revision, caddy } = renderEdge({ ...model, sites: [...model.sites, ...many] });
  await rig.publish(gzipSync(JSON.stringify(caddy)));
  await rig.until(async () => (await rig.revision()) === revision, "1,000 sites", 60_000);
  expect((await rig.secure("finance.test.localhost", "/")).status).toBe(200);
  await rig.deploy(model);
});

test("certificates stay good when the intermediate one, which lives a week, is renewed", async () => {
  // One that began 6 days ago and ends tomorrow is due. Caddy 2.6 alone would sign the next one with a root that nobody knows.
  const aged = await rig.run(
    "edge",
    `cd /tmp && mkdir aged && : >aged/index && echo 01 >aged/serial
    printf '%s\\n' '[ca]' 'default_ca=d' '[d]' 'database=aged/index' 'serial=aged/serial' 'new_certs_dir=aged' 'default_md=sha256' \\
      'policy=p' '[p]' 'commonName=supplied' '[x]' 'basicConstraints=critical,CA:TRUE,pathlen:0' 'keyUsage=critical,keyCertSign' >aged/conf
    openssl ecparam -name prime256v1 -genkey -noout -out aged/key
    openssl req -new -key aged/key -subj /CN=aged -out aged/csr -config aged/conf 2>/dev/null ||
      openssl req -new -key aged/key -subj /CN=aged -out aged/csr
    openssl ca -batch -notext -config aged/conf -extensions x -cert root/ca.crt -keyfile root/ca.key -in aged/csr -out aged/crt \\
      -startdate $(date -u -d '-6 days' +%Y%m%d%H%M%SZ) -enddate $(date -u -d '+1 day' +%Y%m%d%H%M%SZ) 2>/dev/null
    cp aged/crt /data/caddy/pki/authorities/local/intermediate.crt
    cp aged/key /data/caddy/pki/authorities/local/intermediate.key
    rm -r /data/caddy/certificates
    openssl x509 -in aged/crt -noout -subject -issuer`,
  );
  expect(aged).toMatch(/subject=CN = aged\s+issuer=CN = Terrace tt-/);
  await rig.container("edge").restart();
  await rig.until(async () => (await rig.revision()).length === 12, "the edge");
  const renewed = await rig.run(
    "edge",
    "openssl x509 -in /data/caddy/pki/authorities/local/intermediate.crt -noout -subject -issuer",
  );
  expect(renewed).toMatch(/subject=CN = Terrace test edge\s+issuer=CN = Terrace tt-/);
  expect((await rig.secure("finance.test.localhost", "/", { agent: false })).status).toBe(200);
});

test("the edge ends with an error when Caddy dies, and cleanly when it is asked to", async () => {
  const edge = rig.container("edge");
  await rig.until(async () => (await rig.revision()).length === 12, "the edge");
  const started = Date.now();
  await edge.stop();
  expect(Date.now() - started).toBeLessThan(9_000);
  expect((await edge.inspect()).State.ExitCode).toBe(0);
  await edge.start();
  await rig.until(async () => (await rig.revision()).length === 12, "the edge");
  const killed = await edge.exec({ Cmd: ["sh", "-c", "kill -9 $(pidof caddy)"] });
  await killed.start({});
  await rig.until(async () => !(await edge.inspect()).State.Running, "the end of the edge");
  expect((await edge.inspect()).State.ExitCode).toBe(137);
});
