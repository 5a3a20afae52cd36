import { expect, test } from "vitest";
import { hostFault, toHost } from "../../modules/domains/index.ts";

test.each([
  ["finance", "finance.honghe.localhost", "finance.honghe.localhost"],
  ["Finance", "finance.honghe.localhost", "finance.honghe.localhost"],
  ["czj.example.gov.cn", "czj.example.gov.cn", "czj.example.gov.cn"],
  ["财政局", "xn--dgt32shz8a.honghe.localhost", "财政局.honghe.localhost"],
  ["财政局.政务", "xn--dgt32shz8a.xn--zfr164b", "财政局.政务"],
  ["财政局。政务", "xn--dgt32shz8a.xn--zfr164b", "财政局.政务"],
  ["xn--dgt32shz8a.xn--zfr164b", "xn--dgt32shz8a.xn--zfr164b", "财政局.政务"],
  ["0x7f", "0x7f.honghe.localhost", "0x7f.honghe.localhost"],
])("%s is %s, shown as %s", (typed, ascii, unicode) => {
  expect(hostFault(typed)).toBeUndefined();
  expect(toHost(typed, "honghe.localhost")).toEqual({ ascii, unicode });
});

test.each([
  "",
  ".",
  "a..b",
  "-a",
  "a-.cn",
  "a b.cn",
  "a@b.cn",
  "2024",
  "1.2.3.4",
  "[::1]",
  "::1",
  "a.cn:443",
  "//a.cn",
  "a%2e.cn",
  "xn--.cn",
  "xn--zzzzzzzz99.cn",
  `${"a".repeat(64)}.cn`,
  `${"a.".repeat(127)}cn`,
  "政".repeat(64),
])("%j is refused", (typed) => expect(hostFault(typed)).toBeTypeOf("string"));
