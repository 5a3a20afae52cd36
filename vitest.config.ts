import { defineConfig } from "vitest/config";

/** `unit` needs nothing but Node; `docker` needs a Docker Engine with Swarm, which its set-up installs and starts where it may. */
export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts", "tests/golden/**/*.test.ts", "tests/conventions/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "docker",
          include: ["tests/docker/**/*.test.ts", "tests/faults/**/*.test.ts"],
          globalSetup: ["tests/support/docker-setup.ts"],
          // The files share one engine and its ports: one after another.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: ["tests/cluster/**/*.test.ts"],
          globalSetup: ["tests/support/docker-setup.ts"],
          // Several servers on this one machine at a time are enough.
          fileParallelism: false,
          testTimeout: 480_000,
          hookTimeout: 480_000,
        },
      },
    ],
  },
});
