import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { httpCheck } from "../../modules/serve/health.ts";

let server: Server;
let port: number;
const folder = mkdtempSync(join(tmpdir(), "health-"));

beforeAll(async () => {
  server = createServer((request, response) => {
    response.statusCode = request.url === "/good" ? 200 : request.url === "/moved" ? 304 : 503;
    response.end("x");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

/** The script as a container with nothing but one program would run it. */
function check(program: string, path: string): Promise<{ code: number; error: string }> {
  const bin = mkdtempSync(join(folder, "bin-"));
  if (program !== "nothing") symlinkSync(`/usr/bin/${program}`, join(bin, program));
  return new Promise((resolve) => {
    execFile("/bin/sh", ["-c", httpCheck(port, path, 5)], { env: { PATH: bin } }, (error, _stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, error: stderr });
    });
  });
}

const programs = ["curl", "wget", "bash"].filter((program) => existsSync(`/usr/bin/${program}`));

test.each(programs)("with %s in the image, below 400 is healthy and all else is not", async (program) => {
  expect((await check(program, "/good")).code).toBe(0);
  expect((await check(program, "/bad?a=b&c=d")).code).not.toBe(0);
});

test("nobody listening is not healthy", async () => {
  const open = port;
  port = 1;
  for (const program of programs) expect((await check(program, "/good")).code).not.toBe(0);
  port = open;
});

test("an image without any of them says what to do", async () => {
  expect(await check("nothing", "/good")).toEqual({
    code: 1,
    error: "the health check needs curl, wget or bash in the image: add one, or set health.command, or health: none\n",
  });
});
