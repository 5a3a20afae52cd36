import { expect, test } from "vitest";
import { canonicalJson, secretHash, shortHash } from "../../modules/core/hash.ts";
import { LABEL } from "../../modules/core/labels.ts";
import { normalForm, specHash, withHash } from "../../modules/engine/normal.ts";

test("equal data gives equal text, whatever its order", () => {
  expect(canonicalJson({ b: 1, a: [{ d: undefined, c: "x" }] })).toBe('{"a":[{"c":"x"}],"b":1}');
  expect(canonicalJson({ a: [1, 2] })).not.toBe(canonicalJson({ a: [2, 1] }));
  expect(shortHash("")).toBe("e3b0c44298fc");
});

test("a secret's hash depends on its value and on whose it is", () => {
  const hash = secretHash("honghe/shop/TOKEN", "swordfish");
  expect(hash).toMatch(/^[0-9a-f]{12}$/);
  expect(secretHash("honghe/shop/TOKEN", "swordfish")).toBe(hash);
  expect(secretHash("honghe/shop/TOKEN", "Swordfish")).not.toBe(hash);
  expect(secretHash("honghe/bank/TOKEN", "swordfish")).not.toBe(hash);
});

test("what the daemon adds or leaves out makes no difference", () => {
  const written = { Name: "web", TaskTemplate: { ContainerSpec: { Image: "a:1", Init: true } }, Mode: { Global: {} } };
  const read = {
    Name: "web",
    Labels: {},
    TaskTemplate: {
      ContainerSpec: { Image: "a:1", Init: true, Isolation: "default", Env: null, DNSConfig: {} },
      ForceUpdate: 0,
      Runtime: "container",
    },
    Mode: { Global: {} },
  };
  expect(normalForm(read)).toEqual(normalForm(written));
  expect(specHash(read)).toBe(specHash(written));
});

test("ids are no part of a specification, names are", () => {
  const spec = (SecretID: string, SecretName: string) => ({ Secrets: [{ SecretID, SecretName }] });
  expect(specHash(spec("1", "a"))).toBe(specHash(spec("2", "a")));
  expect(specHash(spec("1", "a"))).not.toBe(specHash(spec("1", "b")));
});

test("the hash is a label that does not change the hash", () => {
  const { spec, hash } = withHash({ Name: "web", Labels: { "terrace.platform": "honghe" } });
  expect(spec.Labels).toEqual({ "terrace.platform": "honghe", [LABEL.hash]: hash });
  expect(specHash(spec)).toBe(hash);
  expect(specHash({ ...spec, Labels: { ...(spec.Labels as object), by: "hand" } })).not.toBe(hash);
});
