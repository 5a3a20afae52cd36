import { expect, test } from "vitest";
import { isBroken } from "../../modules/docker/index.ts";

test.each([
  [{ statusCode: 503, message: "This node is not a swarm manager" }, true],
  [{ statusCode: 500, message: "rpc error: code = Unknown desc = The swarm does not have a leader." }, true],
  [{ statusCode: 500, message: "rpc error: code = Aborted desc = node lost leader status" }, true],
  [{ statusCode: 500, message: "rpc error: code = DeadlineExceeded desc = context deadline exceeded" }, true],
  [{ statusCode: 500, message: "rpc error: code = Unknown desc = update out of sequence" }, false],
  [{ statusCode: 404, message: "no such service" }, false],
  [{ code: "ECONNRESET", message: "read ECONNRESET" }, true],
])("a call that ended with %j: its outcome is unknown: %s", (error, broken) => {
  expect(isBroken(error)).toBe(broken);
});
