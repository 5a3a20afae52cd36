import { defineConfig } from "vitest/config";

/** A virtual server under QEMU: minutes, so a run of its own (`npm run test:vm`). */
export default defineConfig({
  test: {
    include: ["tests/vm/**/*.test.ts"],
    globalSetup: ["tests/support/docker-setup.ts"],
    fileParallelism: false,
    bail: 1,
  },
});
