import { defineConfig } from "vitest/config";

/** Of what was not as expected the end of a run shows some lines, not some characters. */
const chaiConfig = { truncateThreshold: 600 };

/** `unit` needs nothing but Node; `docker` needs a Docker Engine with Swarm, which its set-up installs and starts where it may. */
export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          chaiConfig,
          include: ["tests/unit/**/*.test.ts", "tests/golden/**/*.test.ts", "tests/conventions/**/*.test.ts"],
          // Beside the tests with Docker these get what is left of the processor.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: "docker",
          chaiConfig,
          include: ["tests/docker/**/*.test.ts", "tests/faults/**/*.test.ts"],
          globalSetup: ["tests/support/docker-setup.ts"],
          // Two files at a time, for each waits for Docker a good part of the time. They share an engine, so all that a file makes has
          // names, ports and address ranges of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
          testTimeout: 600_000,
          hookTimeout: 600_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        test: {
          name: "cluster",
          chaiConfig,
          include: ["tests/cluster/**/*.test.ts"],
          globalSetup: ["tests/support/docker-setup.ts"],
          // Several servers on this one machine at a time are enough.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 600_000,
          hookTimeout: 600_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
});
