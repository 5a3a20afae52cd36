import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Secret } from "../../modules/core/secret.ts";
import { makeIdentity, readSecrets, secretOrigins, writeSecret } from "../../modules/workspace/index.ts";

let root: string;
let identity: string;
let recipient: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "terrace-age-"));
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
  vi.stubEnv("TERRACE_AGE_IDENTITY", "");
  vi.stubEnv("TERRACE_AGE_IDENTITY_FILE", join(root, "identity"));
  await writeFile(join(root, "identity"), `# mine\n${identity}\n`, { mode: 0o600 });
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true });
});

const sources = (more: object = {}) => ({ recipients: [recipient], command: undefined, ...more });
const write = (name: string, value: string, more: object = {}) =>
  writeSecret(root, "shop", name, new Secret(value), sources(more));
const read = async (name: string, more: object = {}) =>
  (await readSecrets(root, "shop", [name], sources(more)))[name]?.reveal();
const sealed = () => readFile(join(root, "secrets/shop.age"), "utf8");

test("what is set stands encrypted in a file that may be committed, and is read from it", async () => {
  await write("TOKEN", "swordfish");
  const { path, undo } = await write("KEY", "open\nsesame");
  expect(path).toBe("secrets/shop.age");
  expect(await sealed()).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
  expect(await sealed()).not.toContain("swordfish");
  expect([await read("TOKEN"), await read("KEY")]).toEqual(["swordfish", "open\nsesame"]);
  await undo();
  await expect(read("KEY")).rejects.toMatchObject({ code: "TERRACE_SECRET_MISSING" });
});

test("a value that is missing is told with what names the secret", async () => {
  const missing = (...where: string[]) => readSecrets(root, "backup", ["REST_PASSWORD"], undefined, ...where);
  await expect(missing()).rejects.toMatchObject({ where: "site-configs/backup.yaml" });
  await expect(missing("platform.yaml, backup.credentials")).rejects.toMatchObject({
    code: "TERRACE_SECRET_MISSING",
    where: "platform.yaml, backup.credentials",
    next: expect.stringMatching(/^terrace secret set backup REST_PASSWORD; /),
  });
});

test("the plain file comes before the encrypted one, and the environment before both", async () => {
  await write("TOKEN", "of the age file");
  await mkdir(join(root, "secrets/shop"), { recursive: true });
  await writeFile(join(root, "secrets/shop/TOKEN"), "of the file\n");
  expect(await read("TOKEN")).toBe("of the file");
  expect((await write("TOKEN", "new")).path).toBe("secrets/shop/TOKEN");
  expect((await stat(join(root, "secrets/shop/TOKEN"))).mode & 0o777).toBe(0o600);
  expect(await read("TOKEN")).toBe("new");
  vi.stubEnv("TERRACE_SECRET_SHOP_TOKEN", "of the environment");
  expect(await read("TOKEN")).toBe("of the environment");
  await expect(write("TOKEN", "x")).rejects.toMatchObject({
    code: "TERRACE_SECRET_SOURCE",
    message: "the secret TOKEN of shop is not kept here",
    where: "the variable TERRACE_SECRET_SHOP_TOKEN",
  });
});

test("a command gives a value by site and name", async () => {
  const script = 'printf "%s-%s-%s\\n" "$1" "$2" "$TERRACE_SECRET_SITE.$TERRACE_SECRET_NAME"';
  const command = ["sh", "-c", script, "values"];
  expect(await read("TOKEN", { command })).toBe("shop-TOKEN-shop.TOKEN");
  expect(await secretOrigins(root, "shop", ["TOKEN"], sources({ command }))).toEqual(
    new Map([["TOKEN", { source: "command", set: undefined }]]),
  );
});

test.each([
  [["sh", "-c", "echo no >/dev/null; exit 3"], "sh", "it ended with 3"],
  [["true"], "true", "it printed nothing"],
  [["no-such-program"], "no-such-program", "it cannot be run (ENOENT)"],
])("a command that fails is told: %j", async (command, program, why) => {
  await expect(read("TOKEN", { command })).rejects.toMatchObject({
    code: "TERRACE_SECRET_COMMAND",
    message: "the command gave no value for the secret TOKEN of shop",
    where: `platform.yaml, secrets.command: ${program}`,
    why,
    next: `run it by hand: ${[...command, "shop", "TOKEN"].join(" ")}`,
  });
});

test("another's key does not open the file", async () => {
  await write("TOKEN", "swordfish");
  vi.stubEnv("TERRACE_AGE_IDENTITY", await generateX25519Identity());
  await expect(read("TOKEN")).rejects.toMatchObject({
    code: "TERRACE_SECRET_IDENTITY",
    message: "the key that is here does not open the secrets",
    where: "secrets/shop.age",
  });
});

test("a damaged file is told as such, and says nothing of what is in it", async () => {
  await write("TOKEN", "swordfish");
  const lines = (await sealed()).split("\n");
  const middle = Math.floor(lines.length / 2);
  lines[middle] = (lines[middle] ?? "").replace(/./, (letter) => (letter === "A" ? "B" : "A"));
  await writeFile(join(root, "secrets/shop.age"), lines.join("\n"));
  const told = {
    code: "TERRACE_SECRET_FILE",
    message: "the encrypted file is damaged",
    where: "secrets/shop.age",
    next: "take it from Git again (git checkout secrets/shop.age)",
  };
  await expect(read("TOKEN")).rejects.toMatchObject(told);
  await writeFile(join(root, "secrets/shop.age"), "-----BEGIN AGE ENCRYPTED FILE-----\n");
  await expect(read("TOKEN")).rejects.toMatchObject(told);
  await writeFile(join(root, "secrets/shop.age"), "");
  await expect(read("TOKEN")).rejects.toMatchObject(told);
});

test("nobody to encrypt for, or a mistyped key, is refused", async () => {
  await expect(write("TOKEN", "x", { recipients: [] })).rejects.toMatchObject({
    code: "TERRACE_SECRET_RECIPIENT",
    message: "there is nobody to encrypt the secret for",
    where: "platform.yaml",
    why: "secrets.recipients is empty",
  });
  const mistyped = recipient.replace(/.$/, (letter) => (letter === "q" ? "p" : "q"));
  await expect(write("TOKEN", "x", { recipients: [mistyped] })).rejects.toMatchObject({
    code: "TERRACE_SECRET_RECIPIENT",
    message: `${mistyped} is not a public key of age`,
  });
});

test("a key that others may read is not used", async () => {
  await write("TOKEN", "swordfish");
  const path = join(root, "identity");
  await chmod(path, 0o640);
  await expect(read("TOKEN")).rejects.toMatchObject({
    code: "TERRACE_SECRET_IDENTITY",
    message: "others may read the key that opens the secrets",
    where: path,
    why: "its rights are 0640",
    next: `chmod 600 ${path}`,
  });
  await rm(path);
  await expect(read("TOKEN")).rejects.toMatchObject({
    message: "there is no key here to open the secrets with",
    why: "no such file",
  });
});

test("a key is made for its owner alone, and never over one that is there", async () => {
  const path = join(root, "identity");
  await expect(makeIdentity()).rejects.toMatchObject({ message: "there is a key already", where: path });
  expect(await readFile(path, "utf8")).toContain(identity);
  await rm(path);
  const made = await makeIdentity();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await write("TOKEN", "swordfish", { recipients: [made.recipient, recipient] });
  expect(await read("TOKEN")).toBe("swordfish");
  vi.stubEnv("TERRACE_AGE_IDENTITY", identity);
  expect(await read("TOKEN")).toBe("swordfish");
});
